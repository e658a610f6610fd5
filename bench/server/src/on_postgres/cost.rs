//! The processor time that a cluster has used, by process.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;

use crate::postgres::Postgres;
use crate::usage::Process;

/// The processor time of each process of a cluster until some moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Cost(HashMap<u32, Duration>);

impl Cost {
    /// Until now.
    pub(super) fn of(cluster: &Postgres) -> Result<Self> {
        let first = cluster.pid()?;
        let all = Process::all()?.into_iter().filter(|process| process.parent == first);
        Ok(Self(all.map(|process| (process.pid, process.processor)).collect()))
    }

    /// That of some processes since an earlier moment.
    pub(super) fn of_since(&self, processes: &[u32], before: &Self) -> Duration {
        let one = |cost: &Self, pid| cost.0.get(pid).copied().unwrap_or_default();
        processes.iter().map(|pid| one(self, pid).saturating_sub(one(before, pid))).sum()
    }
}
