//! What a data directory is used for: the demo and the server never share one.

use std::io::{self, Write};
use std::path::Path;

use super::{DataDirError, INTAKE_DB, STORE_DB};
use crate::system::private_file;

/// What a data directory is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `lamplight serve`.
    Serve,
    /// `lamplight demo`.
    Demo,
    /// A command that works on the data of either.
    Any,
}

/// The file that marks a directory of the demo, and what it says.
pub(super) const DEMO_MARK: &str = "created-by-lamplight-demo";
const DEMO_MARK_TEXT: &str =
    "The events in this directory are those of `lamplight demo`. You can delete the directory.\n";

/// Checks that the locked directory at `path` may be used for `purpose`, and marks it if it is a
/// new one of the demo.
pub(super) fn check(path: &Path, purpose: Purpose) -> Result<(), DataDirError> {
    let not_writable = |source| DataDirError::NotWritable { path: path.to_owned(), source };
    let is_demo = is_demo(path);
    match purpose {
        Purpose::Any => return Ok(()),
        Purpose::Serve if is_demo => return Err(DataDirError::OfDemo { path: path.to_owned() }),
        Purpose::Demo if !is_demo && has_data(path).map_err(not_writable)? => {
            return Err(DataDirError::NotOfDemo { path: path.to_owned() });
        }
        Purpose::Serve | Purpose::Demo => check_outer(path, purpose).map_err(not_writable)??,
    }
    match purpose {
        Purpose::Demo if !is_demo => write_mark(path).map_err(not_writable),
        Purpose::Serve | Purpose::Demo | Purpose::Any => Ok(()),
    }
}

/// Whoever deletes the directory of the demo, or moves or shares that of a server, means all that
/// is in it.
fn check_outer(path: &Path, purpose: Purpose) -> io::Result<Result<(), DataDirError>> {
    let resolved = path.canonicalize()?;
    for outer in resolved.ancestors().skip(1) {
        let is_demo = is_demo(outer);
        let is_data = is_demo || [INTAKE_DB, STORE_DB].iter().any(|it| exists(&outer.join(it)));
        if is_data && is_demo != (purpose == Purpose::Demo) {
            let (path, outer) = (path.to_owned(), outer.to_owned());
            return Ok(Err(DataDirError::Inside { path, outer, is_demo }));
        }
    }
    Ok(Ok(()))
}

fn is_demo(path: &Path) -> bool {
    exists(&path.join(DEMO_MARK))
}

/// Whether there is anything with this name, also a link that leads nowhere.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether any server has stored something there, also if its main databases are gone.
fn has_data(path: &Path) -> io::Result<bool> {
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let is_week = name.starts_with("events-") && name.contains(".db");
        if is_week || name.starts_with(INTAKE_DB) || name.starts_with(STORE_DB) || name == "clock" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The mark must be there before the first event is.
fn write_mark(path: &Path) -> io::Result<()> {
    let mut file = private_file::create_new(&path.join(DEMO_MARK))?;
    file.write_all(DEMO_MARK_TEXT.as_bytes())?;
    file.sync_all()
}
