//! What is known about the time, so that a clock that jumps ahead deletes nothing. Pure.
//!
//! Retention compares the machine's clock with times of receipt. A clock that is a year ahead, for
//! example of a virtual machine without a battery, would delete everything. So a jump is not
//! believed at first: time then passes only as fast as the monotonic clock, which nobody can set.
//! The jump is believed once the clock has kept to it for [`BELIEVE_MS`] of real time, because a
//! wrong clock is usually corrected before then, or once an operator says that the clock is right.

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The largest jump that is believed at once. A server that was stopped for longer than this sees a
/// jump, too, because it does not know how much time passed.
pub const JUMP_MS_MAX: i64 = 3 * DAY_MS;
/// How long a clock must keep to its new time until a larger jump is believed.
pub const BELIEVE_MS: i64 = 7 * DAY_MS;

/// The last time that was certain, moved on by the real time that has passed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTime {
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// How the clock differs from it, if that is more than [`JUMP_MS_MAX`].
    pub doubt: Option<Doubt>,
}

/// A clock that is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// How far the clock is ahead, in milliseconds. Negative if it is behind.
    pub ahead_ms: i64,
    /// For how long it has kept to that, in milliseconds of real time while the server ran.
    pub kept_ms: i64,
}

impl KnownTime {
    /// A time that is certain.
    pub const fn certain(time_ms: i64) -> Self {
        Self { time_ms, doubt: None }
    }

    /// What is known once the clock shows `now_ms`, and `passed_ms` of real time have passed.
    #[must_use]
    pub fn observe(self, now_ms: i64, passed_ms: i64) -> Self {
        let expected_ms = self.time_ms.saturating_add(passed_ms);
        let ahead_ms = now_ms.saturating_sub(expected_ms);
        let is_small = |difference_ms: i64| difference_ms.saturating_abs() <= JUMP_MS_MAX;
        if is_small(ahead_ms) {
            return Self::certain(now_ms);
        }
        let kept_ms = match self.doubt {
            Some(doubt) if is_small(ahead_ms.saturating_sub(doubt.ahead_ms)) => {
                doubt.kept_ms.saturating_add(passed_ms)
            }
            _ => 0,
        };
        if kept_ms >= BELIEVE_MS {
            return Self::certain(now_ms);
        }
        Self { time_ms: expected_ms, doubt: Some(Doubt { ahead_ms, kept_ms }) }
    }

    /// The time to delete by: never later than what is certain, and never later than the clock.
    pub fn delete_by_ms(&self, now_ms: i64) -> i64 {
        self.time_ms.min(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: i64 = 1_700_000_000_000;
    const YEAR_MS: i64 = 365 * DAY_MS;
    const HOUR_MS: i64 = DAY_MS / 24;

    #[test]
    fn a_jump_is_believed_only_after_the_clock_has_kept_to_it_for_a_week() {
        let mut known = KnownTime::certain(START).observe(START + YEAR_MS, 0);
        assert_eq!(known.doubt, Some(Doubt { ahead_ms: YEAR_MS, kept_ms: 0 }));
        for hour in 1..7 * 24 {
            known = known.observe(START + YEAR_MS + hour * HOUR_MS, HOUR_MS);
            assert_eq!(known.delete_by_ms(START + 2 * YEAR_MS), START + hour * HOUR_MS);
        }
        known = known.observe(START + YEAR_MS + 7 * DAY_MS, HOUR_MS);
        assert_eq!(known, KnownTime::certain(START + YEAR_MS + 7 * DAY_MS));
    }

    #[test]
    fn a_clock_that_is_corrected_leaves_no_doubt_and_another_jump_begins_again() {
        let known = KnownTime::certain(START).observe(START + YEAR_MS, 0);
        let kept = known.observe(START + YEAR_MS + 6 * DAY_MS, 6 * DAY_MS);
        assert_eq!(kept.doubt.unwrap().kept_ms, 6 * DAY_MS);
        assert_eq!(kept.observe(START + 6 * DAY_MS, 0), KnownTime::certain(START + 6 * DAY_MS));
        let other = kept.observe(START + 2 * YEAR_MS, 0);
        assert_eq!(other.doubt, Some(Doubt { ahead_ms: 2 * YEAR_MS - 6 * DAY_MS, kept_ms: 0 }));
    }

    #[test]
    fn a_clock_that_is_set_back_deletes_less_and_coming_forward_again_is_no_jump() {
        let known = KnownTime::certain(START).observe(START - YEAR_MS, 0);
        assert_eq!(known.delete_by_ms(START - YEAR_MS), START - YEAR_MS);
        let known = known.observe(START - YEAR_MS + HOUR_MS, HOUR_MS);
        let back = known.observe(START + 2 * HOUR_MS, HOUR_MS);
        assert_eq!(back, KnownTime::certain(START + 2 * HOUR_MS));
    }

    #[test]
    fn a_server_that_was_stopped_for_a_weekend_sees_no_jump() {
        let now_ms = START + JUMP_MS_MAX;
        assert_eq!(KnownTime::certain(START).observe(now_ms, 0), KnownTime::certain(now_ms));
        assert!(KnownTime::certain(START).observe(now_ms + 1, 0).doubt.is_some());
    }

    /// How far a clock is off: not at all, a little, or by so much that it is noticed.
    fn offset_ms() -> impl Strategy<Value = i64> {
        let much = 5 * DAY_MS..5 * YEAR_MS;
        prop_oneof![Just(0), -DAY_MS..DAY_MS, much.clone(), much.prop_map(|ahead_ms| -ahead_ms),]
    }

    proptest! {
        /// In less than a week, however a clock is set, it does not delete by a later time than the
        /// real one, except for what is too little to be noticed.
        #[test]
        fn a_wrong_clock_does_not_delete_early(
            shown in proptest::collection::vec((offset_ms(), 1..HOUR_MS), 1..160),
        ) {
            let (mut known, mut real_ms) = (KnownTime::certain(START), START);
            for (offset_ms, passed_ms) in shown {
                real_ms += passed_ms;
                let now_ms = real_ms + offset_ms;
                known = known.observe(now_ms, passed_ms);
                prop_assert!(known.delete_by_ms(now_ms) <= real_ms + DAY_MS);
                prop_assert!(known.delete_by_ms(now_ms) <= now_ms);
            }
        }
    }
}
