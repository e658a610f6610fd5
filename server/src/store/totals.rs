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

/// The counts of one source's ledgers: `made = received + declared + missing`. Events without a
/// number are not in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceTotals {
    /// The source.
    pub source: String,
    /// Producers that have a ledger.
    pub producers: u64,
    /// Numbers that producers assigned, as far as they count.
    pub made: u64,
    /// Numbers that arrived.
    pub received: u64,
    /// Numbers that were declared as dropped and did not arrive.
    pub declared: u64,
    /// Numbers that neither arrived nor were declared: in flight or lost.
    pub missing: u64,
}

/// What was forgotten about a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Ledgers that changed.
    pub producers: u64,
    /// Declared numbers that no longer count.
    pub declared: u64,
    /// Missing numbers that no longer count.
    pub missing: u64,
}

impl std::ops::AddAssign for Forgotten {
    fn add_assign(&mut self, other: Self) {
        self.producers += other.producers;
        self.declared += other.declared;
        self.missing += other.missing;
    }
}
