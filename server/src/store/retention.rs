//! Retention: what is kept, and for how long.

/// The limits of what is kept. Events are deleted in whole weeks.
#[derive(Debug, Clone, Copy)]
pub struct RetentionLimits {
    /// Delete the events of weeks that ended before this time, in milliseconds since 1970.
    pub events_from_ms: Option<i64>,
    /// Delete the oldest weeks of events until the rest takes at most this many bytes. The newest
    /// week always stays.
    pub events_bytes: Option<u64>,
    /// Delete ids that clients gave events and that were received before this time.
    pub ids_from_ms: i64,
    /// Delete nothing that was received at this time or later: it may not have been processed yet.
    pub pending_from_ms: i64,
    /// The current time, in milliseconds since 1970.
    pub now_ms: i64,
}

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Weeks of events.
    pub weeks: u64,
    /// Other rows: outcomes, marks and ids. There may be more to delete.
    pub rows: u64,
}
