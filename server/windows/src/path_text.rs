//! Paths, as functions of Windows take them.

use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::path::Path;

/// Longer paths need a prefix that turns the limit off. That of directories is 12 less than that of
/// files (`CreateDirectoryW`, learn.microsoft.com).
const CHARS_MAX: usize = 260 - 12;
const NO_LIMIT: &str = r"\\?\";

/// The absolute path with a zero at its end.
pub(crate) fn wide(path: &Path) -> io::Result<Vec<u16>> {
    let mut path: Vec<u16> = std::path::absolute(path)?.as_os_str().encode_wide().collect();
    if path.contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path has a zero in it"));
    }
    // Shares begin with two of these, and have another prefix. They are left as they are.
    let is_on_drive = path.get(1) == Some(&u16::from(b':'));
    if is_on_drive && path.len() >= CHARS_MAX {
        path.splice(0..0, NO_LIMIT.encode_utf16());
    }
    path.push(0);
    Ok(path)
}
