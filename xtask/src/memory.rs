//! Temporary files in memory, for tests that make many of them.

use crate::workspace::{Workspace, output_of};

/// Linux's file system in memory.
const FOLDER: &str = "/dev/shm";
/// The room that it must have, in KiB: several databases at a time, with their logs.
const ROOM_KIB: u64 = 8 << 20;

/// The variable that makes tests put their files there, if there is room. Each test has databases
/// of its own, some of hundreds of files, and a disk would make and sync them for much of the time.
pub(crate) fn temporary_files(workspace: &Workspace) -> Option<(&'static str, &'static str)> {
    if !cfg!(target_os = "linux") || std::env::var_os("TMPDIR").is_some() {
        return None;
    }
    let said = output_of(workspace.program("df").args(["-Pk", FOLDER]))?;
    (free_kib(&said)? >= ROOM_KIB).then_some(("TMPDIR", FOLDER))
}

/// The free space in what `df -Pk` says of one folder.
fn free_kib(said: &str) -> Option<u64> {
    said.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_read_from_what_df_says() {
        let said = "Filesystem     1024-blocks  Used Available Capacity Mounted on\n\
                    tmpfs             24683584   812  24682772       1% /dev/shm\n";
        assert_eq!(free_kib(said), Some(24_682_772));
        assert_eq!(free_kib("df: /dev/shm: No such file or directory"), None);
    }
}
