//! Retention: which weeks of events and which other rows are kept. Pure.

use super::Week;

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

impl RetentionLimits {
    /// Which weeks must be removed. `newest_first` has every week with events, and how many bytes
    /// each takes.
    pub fn weeks_to_remove(
        &self,
        newest_first: impl IntoIterator<Item = (Week, u64)>,
    ) -> Vec<Week> {
        let (mut bytes, mut due) = (0_u64, Vec::new());
        for (index, (week, week_bytes)) in newest_first.into_iter().enumerate() {
            bytes = bytes.saturating_add(week_bytes);
            let is_old = self.events_from_ms.is_some_and(|from_ms| week.to_ms() <= from_ms);
            let is_over = index > 0 && self.events_bytes.is_some_and(|bytes_max| bytes > bytes_max);
            if (is_old || is_over) && week.to_ms() <= self.pending_from_ms {
                due.push(week);
            }
        }
        due
    }

    /// Ids that clients gave are deleted if they were received before this time.
    pub fn client_ids_from_ms(&self) -> i64 {
        self.ids_from_ms.min(self.pending_from_ms)
    }

    /// Outcomes of what was received before this time are deleted. They are kept as long as the
    /// events that arrived with them: from `oldest`, the first week with events, or, without one,
    /// from the end of the last removed week. While no week was removed, all are kept.
    pub fn outcomes_from_ms(&self, oldest: Option<Week>, removed: Option<Week>) -> Option<i64> {
        let removed = removed?;
        Some(oldest.map_or(removed.to_ms(), Week::from_ms).min(self.pending_from_ms))
    }
}

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Weeks of events.
    pub weeks: u64,
    /// Other rows: outcomes, marks and ids. There may be more to delete.
    pub rows: u64,
}
