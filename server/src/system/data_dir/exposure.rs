//! Whether other users of the machine can open a data directory.

use std::path::Path;

/// Logs a warning if other users can open the directory at `path`.
#[cfg(unix)]
pub(super) fn warn(path: &Path) {
    use std::os::unix::fs::MetadataExt;

    // What cannot be read is reported when the lock is created in it.
    let Ok(metadata) = path.metadata() else { return };
    let user = rustix::process::geteuid().as_raw();
    for warning in warnings(path, metadata.mode(), metadata.uid(), user) {
        tracing::warn!("{warning}");
    }
}

/// Logs a warning if other users can open the directory at `path`. A new one is for the user only,
/// and one that was there may let in whoever the directory above does.
#[cfg(windows)]
pub(super) fn warn(path: &Path) {
    let shown = path.display();
    match lamplight_windows::others_with_access(path) {
        Ok(others) if others.is_empty() => {}
        Ok(others) => {
            let (names, remedy) = (others.names(), others.close_command(path));
            tracing::warn!(
                "other users of this machine can open the data directory {shown} (its access list \
                 has {names}): close it with `{remedy}`, or choose another directory with --data"
            );
        }
        Err(error) => tracing::warn!(
            %error,
            "failed to find out who can open the data directory {shown}; perhaps its file system \
             has no access control: choose a directory on NTFS with --data"
        ),
    }
}

/// What is wrong with a directory of this mode and owner for a process of `user`. The administrator
/// may read everything anyway, so a directory of theirs is as private as any.
#[cfg(unix)]
fn warnings(path: &Path, mode: u32, owner: u32, user: u32) -> Vec<String> {
    let (shown, mode) = (path.display(), mode & 0o777);
    let mut warnings = Vec::new();
    if mode & 0o077 != 0 {
        warnings.push(format!(
            "other users of this machine can open the data directory {shown} (its mode is \
             {mode:03o}): close it with `chmod -R go= {shown}`"
        ));
    }
    if owner != user && owner != 0 {
        warnings.push(format!(
            "the data directory {shown} belongs to another user (uid {owner}), who can read, change \
             and delete all data: take it over with `chown -R {user} {shown}`, or choose another \
             directory with --data"
        ));
    }
    warnings
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_ours_that_nobody_else_can_open_is_no_reason_to_warn() {
        let count = |mode, owner, user| warnings(Path::new("/d"), mode, owner, user).len();
        assert_eq!(count(0o40_700, 7, 7), 0);
        assert_eq!(count(0o40_700, 0, 7), 0, "root owns it");
        for mode in [0o701, 0o710, 0o740, 0o755, 0o770, 0o777, 0o1_777, 0o2_775] {
            assert_eq!(count(0o40_000 | mode, 7, 7), 1, "{mode:o}");
        }
        assert_eq!(count(0o40_700, 8, 7), 1);
        assert_eq!(count(0o40_777, 8, 0), 2);
    }

    #[test]
    fn a_warning_names_the_directory_what_is_wrong_and_the_command_to_run() {
        let said = warnings(Path::new("/d"), 0o40_755, 8, 7).concat();
        for part in ["/d", "755", "chmod -R go= /d", "uid 8", "chown -R 7 /d"] {
            assert!(said.contains(part), "{said}");
        }
    }
}
