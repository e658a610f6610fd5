//! What kinds of worlds there are.

use crate::simulation::ports::Mutant;

/// What kind of world.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) quota: usize,
    /// Our share of it.
    pub(crate) share: usize,
    /// What one tab writes the others see within milliseconds.
    pub(crate) prompt: bool,
    pub(crate) liveness: bool,
    pub(crate) adopt_after_ms: u64,
    /// Some events can never be taken.
    pub(crate) poison: bool,
    /// Nothing dies, nothing is lost, nothing is slow.
    pub(crate) calm: bool,
    /// The server is well, and tabs come, say little, wait for their answers and go.
    pub(crate) brief: bool,
    /// Some tabs are workers, or have their storage blocked.
    pub(crate) workers: bool,
    /// The database fails at everything, always.
    pub(crate) no_database: bool,
    /// The host page fills the origin's quota now and then.
    pub(crate) crowded: bool,
    /// The server is away all the time, and tabs have much to say.
    pub(crate) outage: bool,
    /// Whoever holds the lease is frozen for ten minutes.
    pub(crate) frozen: bool,
    /// Consent is withdrawn now and then, and given again.
    pub(crate) withdraws: bool,
    pub(crate) mutant: Mutant,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            quota: 5_000_000,
            share: 1_000_000,
            prompt: false,
            liveness: true,
            adopt_after_ms: 5_000,
            poison: false,
            calm: false,
            brief: false,
            workers: false,
            no_database: false,
            crowded: false,
            outage: false,
            frozen: false,
            withdraws: false,
            mutant: Mutant::None,
        }
    }
}
