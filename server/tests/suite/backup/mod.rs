//! Backups of a running server, restoring them, and the checks of everything on disk.

mod beside_a_server;
mod breaks;
mod checks;
// They look at inodes and modes, and mount a file system.
#[cfg(unix)]
mod commands;
mod fleet;
mod kill;
mod repair;
mod replicas;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lamplight_server::store::sqlite::verify::{Databases, run};

/// What the checks say about a data directory or a backup, line by line.
pub(crate) fn violations(folder: &Path) -> Vec<String> {
    let databases = Databases::open(folder).unwrap();
    run(&databases, &mut |_| {}).unwrap().iter().map(ToString::to_string).collect()
}

/// A command of the real binary, without settings of the tests.
pub(crate) fn lamplight(arguments: &[&str], paths: &[(&str, &Path)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lamplight"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAMPLIGHT_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    for (flag, path) in paths {
        command.arg(flag).arg(path);
    }
    command
}

pub(crate) fn output(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// Makes a backup with the real binary, and returns where it is.
pub(crate) fn backed_up(data: &Path, to: &Path) -> PathBuf {
    let (code, out, err) = output(lamplight(&["backup"], &[("--data", data), ("--to", to)]));
    assert_eq!(code, Some(0), "{err}");
    PathBuf::from(out.trim())
}

/// The whole backups in a directory.
fn whole(to: &Path) -> Vec<PathBuf> {
    // The first backup may have been killed before it created the directory.
    let entries = std::fs::read_dir(to).into_iter().flatten().map(|entry| entry.unwrap().path());
    let is_whole =
        |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("lamplight-");
    let mut whole: Vec<_> = entries.filter(is_whole).collect();
    whole.sort();
    whole
}
