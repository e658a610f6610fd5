//! The results of simulation runs.

use std::fmt;

/// The results of one run, or the sum of many.
#[derive(Debug, Default)]
pub(crate) struct RunReport {
    /// Whether fewer seeds ran than usual, so that the sums may be too small to tell anything.
    pub(crate) is_short: bool,
    /// Broken invariants.
    pub(crate) violations: Vec<String>,
    /// Events whose `track` returned `stored: true`.
    pub(crate) promised: u64,
    /// Events that went to memory only, or were dropped.
    pub(crate) unstored: u64,
    /// Stored events whose write the browser silently reverted and whose tab died before it could
    /// write them again: the one loss that nothing in a page can prevent.
    pub(crate) reverted: u64,
    /// Events that were in the overflow at any time.
    pub(crate) overflowed: u64,
    /// Blocks that were written into storage.
    pub(crate) compacted: u64,
    /// Events that were dropped because consent was withdrawn.
    pub(crate) withdrawn: u64,
    /// Distinct events accepted.
    pub(crate) accepted: u64,
    /// Events accepted from an adopter.
    pub(crate) adopted: u64,
    /// Events declared as rejected.
    pub(crate) rejected: u64,
    /// How often an event was accepted again.
    pub(crate) duplicates: u64,
    /// How many of these duplicates followed after a tab had read that the event was accepted.
    pub(crate) needless: u64,
    /// How many numbers the server said have arrived.
    pub(crate) told_arrived: u64,
    pub(crate) requests: u64,
    /// How long it took after the end of faults until nothing was left, and how many requests.
    pub(crate) recovery_ms: u64,
    pub(crate) recovery_requests: u64,
    /// Bytes written into storage in total, and how many of them were events with a key of their
    /// own.
    pub(crate) written: (u64, u64),
    /// Pages whose full client took over.
    pub(crate) full_clients: u64,
    /// The most bytes that events ever took in storage.
    pub(crate) peak: usize,
}

impl RunReport {
    /// Fails if too little happened to tell anything, unless fewer seeds ran than usual.
    pub(crate) fn assert_enough(&self, is_enough: bool, complaint: &str) {
        assert!(is_enough || self.is_short, "{complaint}: {self}");
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.promised += other.promised;
        self.unstored += other.unstored;
        self.reverted += other.reverted;
        self.overflowed += other.overflowed;
        self.compacted += other.compacted;
        self.withdrawn += other.withdrawn;
        self.accepted += other.accepted;
        self.adopted += other.adopted;
        self.rejected += other.rejected;
        self.duplicates += other.duplicates;
        self.needless += other.needless;
        self.told_arrived += other.told_arrived;
        self.requests += other.requests;
        self.full_clients += other.full_clients;
        self.written.0 += other.written.0;
        self.written.1 += other.written.1;
        self.peak = self.peak.max(other.peak);
        self.recovery_ms = self.recovery_ms.max(other.recovery_ms);
        self.recovery_requests = self.recovery_requests.max(other.recovery_requests);
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} stored, {} unstored, {} reverted, {} withdrawn, {} overflowed, {} blocks in storage, \
             {} accepted ({} from an adopter), {} rejected, {} duplicates on the wire ({} needless), {} told as arrived, \
             {} requests, {} of them in {} ms of recovery at most, {} full clients, {} bytes at most, {} bytes written for {} of events",
            self.promised,
            self.unstored,
            self.reverted,
            self.withdrawn,
            self.overflowed,
            self.compacted,
            self.accepted,
            self.adopted,
            self.rejected,
            self.duplicates,
            self.needless,
            self.told_arrived,
            self.requests,
            self.recovery_requests,
            self.recovery_ms,
            self.full_clients,
            self.peak,
            self.written.0,
            self.written.1
        )
    }
}
