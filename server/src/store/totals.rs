//! Counts of everything.

/// Counts of everything applied so far. They always add up:
/// `received = stored + duplicates + invalid` and
/// `made = stored + invalid + in_flight + declared + lost`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events that clients made, as far as is known.
    pub made: u64,
    /// Arrivals of events.
    pub received: u64,
    /// Events that were written to `events`.
    pub stored: u64,
    /// Those of them that retention has removed with their weeks.
    pub removed: u64,
    /// Arrivals of events that had arrived before.
    pub duplicates: u64,
    /// Events that cannot be stored.
    pub invalid: u64,
    /// Events that were made, did not arrive, and still may.
    pub in_flight: u64,
    /// Events that clients declared as dropped.
    pub declared: u64,
    /// Events that were made and will not arrive.
    pub lost: u64,
}
