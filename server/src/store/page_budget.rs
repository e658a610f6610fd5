//! What one read of events may cost.

// The monotonic clock, not the clock port: it bounds work and decides nothing.
use tokio::time::Instant;

/// How many rows are read between two looks at the clock. So a read makes at least this much
/// progress, however late it is.
const ROWS: u32 = 256;
/// The most rows that one page reads.
const SCAN_ROWS_MAX: u32 = 20_000;
/// A page ends early once its JSON columns have this many bytes.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a read may go on before it returns what it has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TimeBudget {
    end: Option<Instant>,
    rows: u32,
}

impl TimeBudget {
    /// A budget that lasts until a time.
    pub(crate) fn until(end: Option<Instant>) -> Self {
        Self { end, rows: 0 }
    }

    /// A budget that is spent as soon as it is looked at.
    #[cfg(test)]
    pub(crate) fn spent() -> Self {
        Self::until(Some(Instant::now()))
    }

    /// Whether the time is up.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }

    /// Counts a row. Whether the time is up, which is looked at once in a while.
    pub(crate) fn is_spent(&mut self) -> bool {
        self.rows = self.rows.wrapping_add(1);
        self.rows.is_multiple_of(ROWS) && self.is_over()
    }
}

/// How much one page may still cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageBudget {
    /// Events that still fit.
    events: usize,
    /// Rows that may still be read.
    rows: u32,
    /// Bytes of JSON that still fit.
    bytes: usize,
    /// How long it may still take.
    time: TimeBudget,
}

impl PageBudget {
    /// What a page of `limit` events may cost.
    pub(crate) fn new(limit: u32, time: TimeBudget) -> Self {
        Self { events: limit as usize, rows: SCAN_ROWS_MAX, bytes: PAGE_BYTES_MAX, time }
    }

    /// How many events still fit.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// Takes a row from what is left.
    pub(crate) fn take_row(&mut self) {
        self.rows = if self.time.is_spent() { 0 } else { self.rows.saturating_sub(1) };
    }

    /// Takes an event with this many bytes of JSON from what is left.
    pub(crate) fn take_event(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.events = self.events.saturating_sub(1);
    }

    /// Whether nothing more may be read.
    pub(crate) fn is_spent(&self) -> bool {
        self.events == 0 || self.rows == 0 || self.bytes == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_whose_time_is_up_ends_after_some_rows() {
        let mut budget = PageBudget::new(50, TimeBudget::spent());
        let mut read = 0;
        while !budget.is_spent() {
            budget.take_row();
            read += 1;
        }
        assert_eq!(read, 256, "the next page begins further on");
        let mut budget = PageBudget::new(50, TimeBudget::default());
        (0..1_000).for_each(|_| budget.take_row());
        assert!(!budget.is_spent());
    }

    #[test]
    fn a_page_ends_with_the_event_that_exceeds_its_bytes() {
        let mut budget = PageBudget::new(50, TimeBudget::default());
        budget.take_event(PAGE_BYTES_MAX - 1);
        assert!(!budget.is_spent());
        budget.take_event(2);
        assert!(budget.is_spent());
    }
}
