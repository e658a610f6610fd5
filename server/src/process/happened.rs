//! When an event happened: the client's time, corrected by the skew of its clock. Pure.
//!
//! A client's clock may be wrong by years, and then its correction is right to the millisecond. But
//! what a client calls `sent_at` may be something else: another unit, zero, or a constant. So the
//! correction is used only where both times of the client agree with each other.

use lamplight_wire::time::{ClientTime, SentAt, TimeGuess};
use serde::Serialize;

use crate::store::AHEAD_MS_MAX;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// No event happened before 1990, so an earlier time is from a clock or a field that was never set.
const EARLIEST_MS: i64 = 631_152_000_000;
/// A larger skew needs events that were sent soon after they happened.
const ORDINARY_SKEW_MS: i64 = DAY_MS;
/// How soon: a larger distance between the two times shows that they are not of the same clock.
const WAIT_MS_MAX: i64 = 30 * DAY_MS;

/// What was doubtful about an event's times. It is stored with the event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct TimeDoubts {
    /// What was guessed to read `ts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    ts_read_as: Option<&'static str>,
    /// What was guessed to read `sent_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at_read_as: Option<&'static str>,
    /// `unreadable`, or `ignored` because it does not agree with `ts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<&'static str>,
    /// The skew of the client's clock, in milliseconds, if it was corrected by more than a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    skew_ms: Option<i64>,
    /// `ignored` because it is before 1990 or after the receipt. The event has the time of receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<&'static str>,
}

impl TimeDoubts {
    /// Whether nothing was doubtful.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// When an event happened, in milliseconds since 1970, and what is doubtful about it.
pub(super) fn happened_ms(
    ts: Option<ClientTime>,
    sent_at: SentAt,
    received_ms: i64,
) -> (i64, TimeDoubts) {
    let mut doubts = TimeDoubts::default();
    let Some(ts) = ts else { return (received_ms, doubts) };
    doubts.ts_read_as = ts.guess.map(TimeGuess::code);
    let skew_ms = skew_ms(ts.ms, sent_at, received_ms, &mut doubts);
    let happened_ms = ts.ms.saturating_add(skew_ms);
    if (EARLIEST_MS..=received_ms.saturating_add(AHEAD_MS_MAX)).contains(&happened_ms) {
        return (happened_ms, doubts);
    }
    doubts.ts = Some("ignored");
    (received_ms, doubts)
}

/// What to add to the client's time. 0 if its `sent_at` is not plausible.
fn skew_ms(ts_ms: i64, sent_at: SentAt, received_ms: i64, doubts: &mut TimeDoubts) -> i64 {
    let sent_at = match sent_at {
        SentAt::Absent => return 0,
        SentAt::Unreadable => {
            doubts.sent_at = Some("unreadable");
            return 0;
        }
        SentAt::At(sent_at) => sent_at,
    };
    doubts.sent_at_read_as = sent_at.guess.map(TimeGuess::code);
    let skew_ms = received_ms.saturating_sub(sent_at.ms);
    let waited_ms = sent_at.ms.saturating_sub(ts_ms);
    let is_ordinary = skew_ms.saturating_abs() <= ORDINARY_SKEW_MS;
    if waited_ms < -AHEAD_MS_MAX || !(is_ordinary || waited_ms <= WAIT_MS_MAX) {
        doubts.sent_at = Some("ignored");
        return 0;
    }
    doubts.skew_ms = Some(skew_ms).filter(|_| !is_ordinary);
    skew_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const NOW: i64 = 1_790_000_000_000;
    const YEAR_MS: i64 = 365 * DAY_MS;

    fn at(ms: i64) -> ClientTime {
        ClientTime { ms, guess: None }
    }

    /// The time, relative to the receipt, and the doubts.
    fn happened(ts_ms: i64, sent_at_ms: Option<i64>) -> (i64, Value) {
        let sent_at = sent_at_ms.map_or(SentAt::Absent, |ms| SentAt::At(at(ms)));
        let (ms, doubts) = happened_ms(Some(at(ts_ms)), sent_at, NOW);
        (ms - NOW, serde_json::to_value(doubts).unwrap())
    }

    #[test]
    fn a_clock_that_is_wrong_by_years_is_corrected_and_its_skew_is_stored() {
        assert_eq!(happened(NOW - 5_000, Some(NOW - 2_000)), (-3_000, json!({})));
        assert_eq!(happened(NOW - 5_000, Some(NOW + 60_000)), (-65_000, json!({})));
        for skew_ms in [-20 * YEAR_MS, -2 * DAY_MS, 2 * DAY_MS, 20 * YEAR_MS, NOW - 7_000] {
            let sent_at_ms = NOW - skew_ms;
            let want = (-3_000, json!({ "skew_ms": skew_ms }));
            assert_eq!(happened(sent_at_ms - 3_000, Some(sent_at_ms)), want, "{skew_ms}");
        }
    }

    #[test]
    fn a_sent_at_that_disagrees_with_the_event_moves_nothing() {
        let ignored = json!({ "sent_at": "ignored" });
        let seconds_as_ms = NOW / 1_000;
        for sent_at_ms in [0, -1, seconds_as_ms, NOW - YEAR_MS, NOW + YEAR_MS, 1 << 55] {
            let want = (-5_000, ignored.clone());
            assert_eq!(happened(NOW - 5_000, Some(sent_at_ms)), want, "{sent_at_ms}");
        }
        let (ms, doubts) = happened_ms(Some(at(NOW - 5)), SentAt::Unreadable, NOW);
        assert_eq!(ms, NOW - 5);
        assert_eq!(serde_json::to_value(doubts).unwrap(), json!({ "sent_at": "unreadable" }));
    }

    #[test]
    fn an_old_event_is_corrected_by_an_ordinary_skew_only() {
        let old_ms = NOW - 3 * YEAR_MS;
        assert_eq!(happened(old_ms, Some(NOW - DAY_MS)), (DAY_MS - 3 * YEAR_MS, json!({})));
        let want = (-3 * YEAR_MS, json!({ "sent_at": "ignored" }));
        assert_eq!(happened(old_ms, Some(NOW - DAY_MS - 1)), want);
    }

    #[test]
    fn a_time_that_cannot_be_is_replaced_by_the_receipt() {
        let ignored = json!({ "ts": "ignored" });
        for ts_ms in [0, -1, i64::MIN, EARLIEST_MS - 1, NOW + AHEAD_MS_MAX + 1, i64::MAX] {
            assert_eq!(happened(ts_ms, None), (0, ignored.clone()), "{ts_ms}");
        }
        for ts_ms in [EARLIEST_MS, NOW + AHEAD_MS_MAX, NOW - 30 * YEAR_MS] {
            assert_eq!(happened(ts_ms, None), (ts_ms - NOW, json!({})), "{ts_ms}");
        }
    }

    #[test]
    fn a_guessed_unit_is_stored() {
        let guessed = |guess| ClientTime { ms: NOW - 5, guess: Some(guess) };
        let (ts, sent_at) = (guessed(TimeGuess::Seconds), guessed(TimeGuess::Utc));
        let (_, doubts) = happened_ms(Some(ts), SentAt::At(sent_at), NOW);
        let want = json!({ "ts_read_as": "seconds", "sent_at_read_as": "utc" });
        assert_eq!(serde_json::to_value(doubts).unwrap(), want);
        let (ms, doubts) = happened_ms(None, SentAt::Unreadable, NOW);
        assert_eq!((ms, doubts.is_empty()), (NOW, true), "there is no time to correct");
    }

    proptest! {
        #[test]
        fn every_event_has_a_time_from_1990_to_soon_after_its_receipt(
            ts: i64,
            sent_at in prop::option::of(any::<i64>()),
            received_ms in EARLIEST_MS..NOW * 2,
        ) {
            let sent_at = sent_at.map_or(SentAt::Absent, |ms| SentAt::At(at(ms)));
            let (ms, _) = happened_ms(Some(at(ts)), sent_at, received_ms);
            prop_assert!((EARLIEST_MS..=received_ms + AHEAD_MS_MAX).contains(&ms));
        }

        /// Whatever a client's clock shows, an event that waited for less than a month is placed
        /// exactly.
        #[test]
        fn an_event_is_placed_exactly_whatever_the_clock_shows(
            clock_ms in -NOW..NOW * 3,
            waited_ms in 0..=WAIT_MS_MAX,
        ) {
            let (ms, _) = happened_ms(
                Some(at(clock_ms - waited_ms)), SentAt::At(at(clock_ms)), NOW,
            );
            prop_assert_eq!(ms, NOW - waited_ms);
        }
    }
}
