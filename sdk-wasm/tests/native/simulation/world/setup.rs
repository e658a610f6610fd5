//! The kinds of simulated worlds.

use crate::simulation::ports::Mutant;
use crate::simulation::server::Answers;

/// The faults and limits of a world.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) quota: usize,
    /// Lamplight's share of the quota.
    pub(crate) share: usize,
    /// Other tabs see writes within milliseconds.
    pub(crate) fast_storage: bool,
    pub(crate) liveness: bool,
    pub(crate) adopt_after_ms: u64,
    /// The server rejects some events permanently.
    pub(crate) rejections: bool,
    /// No tab dies, nothing is lost, and nothing is slow.
    pub(crate) reliable: bool,
    /// The server is healthy; tabs open, track a little, wait for the response and close.
    pub(crate) short_visits: bool,
    /// Tabs open, track a little, and are left in the same task.
    pub(crate) leaves_at_once: bool,
    /// Which questions about arrived numbers the server answers. By default, this depends on the
    /// seed.
    pub(crate) answers: Option<Answers>,
    /// Some tabs are workers, or have blocked storage.
    pub(crate) workers: bool,
    /// Every operation on the database fails.
    pub(crate) no_database: bool,
    /// The host page fills the origin's quota at times.
    pub(crate) host_fills_quota: bool,
    /// The server is unreachable all the time, and tabs track many events.
    pub(crate) outage: bool,
    /// The lease holder is frozen for ten minutes.
    pub(crate) freezes_holder: bool,
    /// Consent is withdrawn at times, and given again.
    pub(crate) withdraws: bool,
    pub(crate) mutant: Mutant,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            quota: 5_000_000,
            share: 1_000_000,
            fast_storage: false,
            liveness: true,
            adopt_after_ms: 5_000,
            rejections: false,
            reliable: false,
            short_visits: false,
            leaves_at_once: false,
            answers: None,
            workers: false,
            no_database: false,
            host_fills_quota: false,
            outage: false,
            freezes_holder: false,
            withdraws: false,
            mutant: Mutant::None,
        }
    }
}

impl Setup {
    /// Which questions about arrived numbers the server of this world answers.
    pub(crate) fn answers(&self, seed: u64) -> Answers {
        let by_seed = if seed.is_multiple_of(5) { Answers::None } else { Answers::Processed };
        self.answers.unwrap_or(by_seed)
    }

    /// How long it may take after the end of faults until everything has arrived.
    pub(crate) fn recovery_ms_max(&self) -> u64 {
        // A tab that backs off waits a minute, and another one while a tab that was killed seemed
        // to retry for it. Finding a killed tab takes two scans, a list of locks and the tab lock,
        // each of them late at times, and for each killed tab again if it had the lease.
        let backs_off_ms = 2 * 60_000 + 30_000;
        // Without a list of locks, or while it lists a frozen tab, its heartbeat must be stale.
        let heartbeat_ms = if self.liveness && !self.freezes_holder { 0 } else { 300_000 };
        // Where storage has no room for a heartbeat, blocks are found by the next list, and after
        // failures of the database, the next operation waits as long.
        let is_tight = self.share < 100_000 || self.quota < 100_000;
        let has_blocks = is_tight || self.workers || self.host_fills_quota;
        backs_off_ms + heartbeat_ms + if has_blocks { 300_000 } else { 0 }
    }
}
