//! Whether other users of the machine can read a file that holds a secret.

use std::fs::File;
use std::path::Path;

/// That other users of the machine can read a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherReaders {
    /// Why they can: `its mode is 644`.
    pub(crate) because: String,
    /// The command that changes it.
    pub(crate) remedy: String,
}

impl OtherReaders {
    /// Those of `file`, which was opened at `path`: everybody may read it, as its mode says. A
    /// group may be meant to.
    #[cfg(unix)]
    pub(crate) fn of(file: &File, path: &Path) -> Option<Self> {
        const OTHERS_READ: u32 = 0o004;
        let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata().ok()?) & 0o777;
        (mode & OTHERS_READ != 0).then(|| Self {
            because: format!("its mode is {mode:03o}"),
            remedy: format!("chmod o= {}", path.display()),
        })
    }

    /// Those of the file at `path`, as its access list says. Where the file system has none, there
    /// is nothing to say.
    #[cfg(windows)]
    pub(crate) fn of(_: &File, path: &Path) -> Option<Self> {
        let others = lamplight_windows::others_with_access(path).ok()?;
        (!others.is_empty()).then(|| Self {
            because: format!("its access list has {}", others.names()),
            remedy: others.close_command(path),
        })
    }
}
