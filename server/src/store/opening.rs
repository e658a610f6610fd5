//! What a process opens the databases for.

use super::Route;

/// What a process opens the databases for.
#[derive(Debug, Clone)]
pub enum Opening {
    /// To serve, or to process payloads again: every event that is stored from now on is owed to
    /// the sinks of these routes, and sinks that were stopped continue.
    Serve(Vec<Route>),
    /// To change something beside events. Sinks stay as they are.
    Change,
    /// To read. Nothing in the files changes: neither their schema, nor what a crash left.
    Read,
}

impl Opening {
    /// Whether nothing may be written.
    pub(crate) const fn only_reads(&self) -> bool {
        matches!(self, Self::Read)
    }
}
