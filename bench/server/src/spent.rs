//! What processing costs apart from wall time, which other programs influence: CPU time of the
//! writer thread, and bytes written. Read from `/proc`, so Linux only.

use std::ops::{AddAssign, Sub};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::{Bench, Numbering, WORKERS};

/// The name of the thread that writes events.
const WRITER: &str = "store-writer";
/// Turns of each, one after the other.
const TURNS: usize = 6;

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
        let io = std::fs::read_to_string("/proc/self/io")?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        let written_bytes = written.context("no write_bytes in /proc/self/io")?.parse()?;
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

/// Processes the same number of events of each kind, each in its own store and taking turns, and
/// prints what deduplication costs.
pub(crate) async fn compare(folder: &Path) -> Result<()> {
    let kinds = [
        ("not numbered", Numbering::Anonymous),
        ("numbered, pages that send in turn", Numbering::Pages),
        ("numbered, a new page for each payload", Numbering::Numbered),
    ];
    let mut peers = Vec::new();
    for (what, identity) in kinds {
        peers.push((what, identity, Bench::open(&folder.join(what))?, Vec::new()));
    }
    for _ in 0..TURNS {
        for (_, identity, bench, rates) in &mut peers {
            rates.push(bench.process(*identity, WORKERS).await?);
        }
    }
    println!("\nwhat dedup costs        writer thread   bytes written   events/s (median)");
    let least = peers[0].2.spent;
    for (what, _, bench, mut rates) in peers {
        rates.sort_by(f64::total_cmp);
        println!(
            "  {what:<38} {:>6.2} s {:>5.2}x {:>6.0} MB {:>5.2}x {:>8.0}",
            bench.spent.writer.as_secs_f64(),
            ratio(bench.spent.writer.as_nanos(), least.writer.as_nanos()),
            ratio(u128::from(bench.spent.written_bytes), 1_000_000),
            ratio(u128::from(bench.spent.written_bytes), u128::from(least.written_bytes)),
            rates[rates.len() / 2],
        );
        bench.close().await?;
    }
    Ok(())
}

fn ratio(part: u128, whole: u128) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let (part, whole) = (part as f64, whole as f64);
    part / whole
}
