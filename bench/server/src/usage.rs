//! What processes have used: processor time, and bytes that they made the kernel write. Read from
//! `/proc`, so Linux only.

use std::collections::BTreeSet;
use std::ops::Sub;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// How long one of Linux's units of processor time is, which programs see.
const TICK: Duration = Duration::from_millis(10);

/// One process, as Linux counts it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    /// The number of the process that started it.
    pub(crate) parent: u32,
    /// Its processor time.
    pub(crate) processor: Duration,
    /// That of the processes that it started and that have ended.
    pub(crate) ended: Duration,
}

impl Process {
    /// All that run now.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for process in std::fs::read_dir("/proc")?.flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // The process may have ended.
            let Ok(text) = std::fs::read_to_string(process.path().join("stat")) else { continue };
            all.push(Self::parse(pid, &text)?);
        }
        Ok(all)
    }

    /// Reads proc(5)'s `stat`.
    fn parse(pid: u32, stat: &str) -> Result<Self> {
        // The name of the program may have spaces.
        let (_, fields) = stat.rsplit_once(')').context("a stat without a name")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |at: usize| -> Result<u32> {
            Ok(fields.get(at).context("a stat without times")?.parse()?)
        };
        Ok(Self {
            pid,
            parent: number(1)?,
            processor: TICK * (number(11)? + number(12)?),
            ended: TICK * (number(13)? + number(14)?),
        })
    }
}

/// What some processes have used, with all that they started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Processor time.
    pub(crate) processor: Duration,
    /// Bytes written to the file system.
    pub(crate) written_bytes: u64,
}

impl Usage {
    /// Until now.
    pub(crate) fn of(roots: &[u32]) -> Result<Self> {
        let all = Process::all()?;
        let mut family: BTreeSet<u32> = roots.iter().copied().collect();
        loop {
            let before = family.len();
            let children = all.iter().filter(|process| family.contains(&process.parent));
            family.extend(children.map(|process| process.pid).collect::<Vec<_>>());
            if family.len() == before {
                break;
            }
        }
        let mut usage = Self::default();
        for process in all.iter().filter(|process| family.contains(&process.pid)) {
            usage.processor += process.processor + process.ended;
            // Linux adds the bytes of a process that has ended to those of its parent.
            let io = Path::new("/proc").join(process.pid.to_string()).join("io");
            if let Ok(text) = std::fs::read_to_string(io) {
                usage.written_bytes += written_bytes(&text)?;
            }
        }
        Ok(usage)
    }
}

/// Reads proc(5)'s `io`.
pub(crate) fn written_bytes(io: &str) -> Result<u64> {
    let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(written.context("no write_bytes")?.parse()?)
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            processor: self.processor.saturating_sub(before.processor),
            written_bytes: self.written_bytes.saturating_sub(before.written_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_hides_no_field() {
        let stat =
            "7 (a name) 3) S 3 7 7 0 -1 4194560 1 2 3 4 150 50 25 5 20 0 1 0 100 1 2 3 4 5 6";
        let process = Process::parse(7, stat).unwrap();
        assert_eq!(process.parent, 3);
        assert_eq!(process.processor, Duration::from_secs(2));
        assert_eq!(process.ended, Duration::from_millis(300));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_a_child_writes_counts_while_it_runs_and_afterwards() {
        // On a disk: what is written to a file system in memory is not counted.
        let program = std::env::current_exe().unwrap();
        let folder = tempfile::tempdir_in(program.parent().unwrap()).unwrap();
        let before = Usage::of(&[std::process::id()]).unwrap();
        let command = "dd if=/dev/zero of=file bs=1M count=8 conv=fsync 2>/dev/null";
        let mut shell = std::process::Command::new("sh");
        let status = shell.arg("-c").arg(command).current_dir(&folder).status().unwrap();
        assert!(status.success());
        let used = Usage::of(&[std::process::id()]).unwrap() - before;
        assert!(used.written_bytes >= 8 << 20, "{used:?}");
    }
}
