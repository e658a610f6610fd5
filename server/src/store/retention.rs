//! What is kept, and for how long.

/// What a store is to keep. What is older goes, whole weeks of events at a time.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Events of weeks that ended before this time go.
    pub events_from_ms: Option<i64>,
    /// The oldest weeks of events go until the rest takes at most this much. The newest stays in any case.
    pub events_bytes: Option<u64>,
    /// Names that clients gave events they do not number are forgotten when they were received before this.
    pub ids_from_ms: i64,
    /// Nothing that was received at this time or later goes: it may not be processed yet.
    pub pending_from_ms: i64,
    /// The time now.
    pub now_ms: i64,
}

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Weeks of events.
    pub weeks: u64,
    /// Other rows: outcomes, marks and names. There may be more of them to go.
    pub rows: u64,
}
