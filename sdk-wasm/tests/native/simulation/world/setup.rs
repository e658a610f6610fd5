//! What kinds of worlds there are.

use crate::simulation::ports::Mutant;

/// What kind of world.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) quota: usize,
    /// Our share of it.
    pub(crate) share: usize,
    /// What one tab writes the others see within milliseconds.
    pub(crate) fast_storage: bool,
    pub(crate) liveness: bool,
    pub(crate) adopt_after_ms: u64,
    /// Some events can never be taken.
    pub(crate) rejections: bool,
    /// Nothing dies, nothing is lost, nothing is slow.
    pub(crate) reliable: bool,
    /// The server is accepted, and tabs come, say little, wait for their answers and go.
    pub(crate) short_visits: bool,
    /// Some tabs are workers, or have their storage blocked.
    pub(crate) workers: bool,
    /// The database fails at everything, always.
    pub(crate) no_database: bool,
    /// The host page fills the origin's quota now and then.
    pub(crate) host_fills_quota: bool,
    /// The server is away all the time, and tabs have much to say.
    pub(crate) outage: bool,
    /// Whoever holds the lease is freezes_holder for ten minutes.
    pub(crate) freezes_holder: bool,
    /// Consent is withdrawn now and then, and given again.
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
