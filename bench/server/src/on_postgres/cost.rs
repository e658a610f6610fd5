//! The processor time that a cluster has used, by process. Read from `/proc`, so Linux only.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::postgres::Postgres;

/// How long one of Linux's units of processor time is, which programs see.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of each process of a cluster until some moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Cost(HashMap<u32, Duration>);

impl Cost {
    /// Until now.
    pub(super) fn of(cluster: &Postgres) -> Result<Self> {
        let first = cluster.pid()?;
        let mut cost = Self::default();
        for process in std::fs::read_dir("/proc")?.flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
            else {
                continue;
            };
            // The process may have ended.
            let Ok(text) = std::fs::read_to_string(process.path().join("stat")) else { continue };
            // The name of the program may have spaces.
            let (_, fields) = text.rsplit_once(')').context("a stat without a name")?;
            let fields: Vec<&str> = fields.split_whitespace().collect();
            let ticks = |at: usize| -> Result<u32> {
                Ok(fields.get(at).context("a stat without times")?.parse()?)
            };
            if ticks(1)? == first {
                cost.0.insert(pid, TICK * (ticks(11)? + ticks(12)?));
            }
        }
        Ok(cost)
    }

    /// That of some processes since an earlier moment.
    pub(super) fn of_since(&self, processes: &[u32], before: &Self) -> Duration {
        let one = |cost: &Self, pid| cost.0.get(pid).copied().unwrap_or_default();
        processes.iter().map(|pid| one(self, pid).saturating_sub(one(before, pid))).sum()
    }
}
