//! Paths without links, as people write them.

use std::io;
use std::path::{Path, PathBuf};

/// The absolute path of what is at `path`, without links on the way.
#[cfg(unix)]
pub(crate) fn real_path(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// The absolute path of what is at `path`, without links on the way. The system puts `\\?\` in
/// front, which is taken off where the path means the same without it.
#[cfg(windows)]
pub(crate) fn real_path(path: &Path) -> io::Result<PathBuf> {
    /// Longer paths need the prefix (`MAX_PATH`, learn.microsoft.com), and so do those of which a
    /// part is longer than a path of the data directory leaves room for.
    const CHARS_MAX: usize = 200;
    let path = path.canonicalize()?;
    let short = path.to_str().and_then(|text| text.strip_prefix(r"\\?\"));
    let is_drive = |text: &&str| text.as_bytes().get(1) == Some(&b':') && text.len() <= CHARS_MAX;
    match short.filter(is_drive).map(PathBuf::from) {
        // A name such as `nul` or `a.` means something else without the prefix.
        Some(short) if short.canonicalize().is_ok_and(|again| again == path) => Ok(short),
        _ => Ok(path),
    }
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[test]
    fn a_path_on_a_drive_has_no_prefix_and_leads_to_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = real_path(dir.path()).unwrap();
        assert!(!path.to_str().unwrap().starts_with(r"\\?\"), "{}", path.display());
        assert_eq!(path.canonicalize().unwrap(), dir.path().canonicalize().unwrap());
        assert!(real_path(&dir.path().join("missing")).is_err());
    }
}
