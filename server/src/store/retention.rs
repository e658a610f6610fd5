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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::week::WEEK_MS;

    const KEEP_ALL: RetentionLimits = RetentionLimits {
        events_from_ms: None,
        events_bytes: None,
        ids_from_ms: 0,
        pending_from_ms: i64::MAX,
        now_ms: 0,
    };

    fn week(number: u32) -> Week {
        Week::from_number(number)
    }

    /// The numbers of the weeks that `limits` removes of five weeks of ten bytes each.
    fn removed(limits: RetentionLimits) -> Vec<u32> {
        let weeks = (100..105).rev().map(|number| (week(number), 10));
        limits.weeks_to_remove(weeks).into_iter().map(Week::number).collect()
    }

    #[test]
    fn a_week_is_removed_once_all_of_it_is_too_old() {
        assert_eq!(removed(KEEP_ALL), [0; 0]);
        for (events_from_ms, want) in [
            (week(102).from_ms(), vec![101, 100]),
            (week(102).from_ms() - 1, vec![100]),
            (week(104).to_ms(), vec![104, 103, 102, 101, 100]),
        ] {
            let limits = RetentionLimits { events_from_ms: Some(events_from_ms), ..KEEP_ALL };
            assert_eq!(removed(limits), want, "{events_from_ms}");
        }
    }

    #[test]
    fn the_newest_week_stays_however_little_may_be_kept() {
        for (bytes, want) in [
            (50, vec![]),
            (49, vec![100]),
            (20, vec![102, 101, 100]),
            (0, vec![103, 102, 101, 100]),
        ] {
            let limits = RetentionLimits { events_bytes: Some(bytes), ..KEEP_ALL };
            assert_eq!(removed(limits), want, "{bytes} bytes");
        }
    }

    #[test]
    fn nothing_is_removed_that_may_not_have_been_processed() {
        let pending_from_ms = week(101).to_ms();
        let events_from_ms = Some(week(200).from_ms());
        let limits = RetentionLimits { events_from_ms, pending_from_ms, ..KEEP_ALL };
        assert_eq!(removed(limits), [101, 100]);
        assert_eq!(
            removed(RetentionLimits { pending_from_ms: pending_from_ms - 1, ..limits }),
            [100]
        );
        let ids_from_ms = pending_from_ms + WEEK_MS;
        assert_eq!(RetentionLimits { ids_from_ms, ..limits }.client_ids_from_ms(), pending_from_ms);
        assert_eq!(limits.outcomes_from_ms(None, Some(week(105))), Some(pending_from_ms));
    }

    #[test]
    fn outcomes_are_kept_as_long_as_events_that_arrived_with_them() {
        assert_eq!(KEEP_ALL.outcomes_from_ms(Some(week(100)), None), None, "no week was removed");
        let after_removal = KEEP_ALL.outcomes_from_ms(Some(week(103)), Some(week(102)));
        assert_eq!(after_removal, Some(week(103).from_ms()));
        assert_eq!(KEEP_ALL.outcomes_from_ms(None, Some(week(102))), Some(week(102).to_ms()));
    }
}
