//! What processing costs apart from wall time, which other programs influence: CPU time of the
//! writer thread, and bytes written. Read from `/proc`, so Linux only.

use std::ops::{AddAssign, Sub};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::usage::written_bytes;

/// The name of the thread that writes events, as far as Linux keeps it.
const WRITER: &str = "writer of store";

/// What this process has used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    /// CPU time of the threads that write events.
    pub(crate) writer: Duration,
    /// Bytes written to the file system.
    pub(crate) written_bytes: u64,
}

impl Spent {
    /// Until now.
    pub(crate) fn now() -> Result<Self> {
        let mut writer = Duration::ZERO;
        for thread in std::fs::read_dir("/proc/self/task")? {
            let folder = thread?.path();
            // The thread may have ended.
            let Ok(name) = std::fs::read_to_string(folder.join("comm")) else { continue };
            if name.trim_end() == WRITER {
                let text = std::fs::read_to_string(folder.join("schedstat"))?;
                let ran = text.split(' ').next().context("a schedstat without a first field")?;
                writer += Duration::from_nanos(ran.parse()?);
            }
        }
        let written_bytes = written_bytes(&std::fs::read_to_string("/proc/self/io")?)?;
        Ok(Self { writer, written_bytes })
    }
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            writer: self.writer.saturating_sub(before.writer),
            written_bytes: self.written_bytes.saturating_sub(before.written_bytes),
        }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, more: Self) {
        self.writer += more.writer;
        self.written_bytes += more.written_bytes;
    }
}
