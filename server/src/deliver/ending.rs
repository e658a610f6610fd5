//! Turns the result of an attempt into the ending of a delivery. Pure.

use crate::metrics::sink::AttemptSums;
use crate::sinks::{AttemptResult, SinkHealth};
use crate::store::{DeliveryEnding, DeliveryFailures, DeliveryTicket, Reason, SettledDelivery};
use crate::system::backoff::RetryPolicy;

/// The circumstances of one attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) retry: RetryPolicy,
    pub(super) now_ms: i64,
    /// How much longer the circuit is open.
    pub(super) open_for_ms: i64,
    /// Whether the sink is stopped until its configuration changes. That is no event's fault, so it
    /// makes none a dead letter.
    pub(super) is_stopped: bool,
    pub(super) random: u64,
}

/// An attempt whose ending is not decided yet: what the sink reported, and whether a failure was
/// the event's own. Other failures are the sink's, and cost the event only time.
#[derive(Debug)]
pub(super) struct Attempted {
    pub(super) ticket: DeliveryTicket,
    pub(super) result: AttemptResult,
    pub(super) is_own: bool,
}

impl Attempted {
    /// A failure is the event's own if it failed in a request of its own, and the sink responds to
    /// others: it does now, or `accepts_since` says that it accepted another event since this one
    /// last failed alone. Without such evidence a failing event looks like a failing sink.
    pub(super) fn new(
        ticket: DeliveryTicket,
        result: AttemptResult,
        health: &SinkHealth,
        accepts_since: impl Fn(i64) -> bool,
    ) -> Self {
        let is_own = matches!(result, AttemptResult::FailedAlone(_))
            && match health {
                SinkHealth::Up => true,
                SinkHealth::Busy(..) => ticket.failures().alone_ms.is_some_and(accepts_since),
                SinkHealth::Stopped(_) => false,
            };
        Self { ticket, result, is_own }
    }
}

/// The ending of each delivery of a batch.
pub(super) fn endings(
    attempt: &Attempt,
    attempted: Vec<Attempted>,
) -> impl Iterator<Item = SettledDelivery> {
    let attempt = *attempt;
    attempted.into_iter().enumerate().map(move |(index, attempted)| {
        // Each delivery of a batch waits for a different time: the increment of SplitMix64 spreads
        // neighbours.
        let random =
            attempt.random.wrapping_add((index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        settled(&Attempt { random, ..attempt }, attempted)
    })
}

fn settled(attempt: &Attempt, attempted: Attempted) -> SettledDelivery {
    let Attempted { ticket, result, is_own } = attempted;
    let (reason, is_alone) = match result {
        AttemptResult::Sent => return SettledDelivery { ticket, ending: DeliveryEnding::Sent },
        AttemptResult::Reject(reason) => {
            return SettledDelivery { ticket, ending: DeliveryEnding::Dead(reason) };
        }
        AttemptResult::Drop(reason) => {
            return SettledDelivery { ticket, ending: DeliveryEnding::Dropped(reason) };
        }
        AttemptResult::Retry(reason) => (reason, false),
        AttemptResult::FailedAlone(reason) => (reason, true),
    };
    let before = ticket.failures();
    let failures = DeliveryFailures {
        first_ms: before.first_ms.or((!attempt.is_stopped).then_some(attempt.now_ms)),
        alone_ms: if is_alone { Some(attempt.now_ms) } else { before.alone_ms },
        own: before.own.saturating_add(u32::from(is_own)),
    };
    let failing_ms = failures.first_ms.map_or(0, |ms| attempt.now_ms.saturating_sub(ms));
    let is_spent = (is_own && failures.own >= attempt.retry.attempts_max)
        || failing_ms >= attempt.retry.horizon_ms;
    let ticket = ticket.with_failures(failures);
    if is_spent && !attempt.is_stopped {
        return SettledDelivery { ticket, ending: DeliveryEnding::Dead(reason) };
    }
    let delay_ms = attempt.retry.delay_ms(ticket.attempts(), attempt.random);
    let due_ms = attempt.now_ms.saturating_add(delay_ms.max(attempt.open_for_ms));
    SettledDelivery { ticket, ending: DeliveryEnding::RetryAt(due_ms, reason) }
}

/// A delivery that is settled without being sent.
pub(super) fn dropped(ticket: DeliveryTicket, code: &'static str, detail: &str) -> SettledDelivery {
    SettledDelivery { ticket, ending: DeliveryEnding::Dropped(Reason::new(code, detail)) }
}

/// How many deliveries end how.
pub(super) fn count(deliveries: &[SettledDelivery]) -> AttemptSums {
    let mut sums = AttemptSums::default();
    for SettledDelivery { ending, .. } in deliveries {
        *match ending {
            DeliveryEnding::Sent => &mut sums.sent,
            DeliveryEnding::RetryAt(..) => &mut sums.retried,
            DeliveryEnding::Dead(_) => &mut sums.dead,
            DeliveryEnding::Dropped(_) => &mut sums.dropped,
        } += 1;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RowId;
    use uuid::Uuid;

    const HOUR_MS: i64 = 60 * 60 * 1_000;

    fn ticket(failures: DeliveryFailures) -> DeliveryTicket {
        DeliveryTicket::new(RowId(Uuid::nil()), 0, 1_000, 1, 1).with_failures(failures)
    }

    fn reason() -> Reason {
        Reason::new("timeout", "")
    }

    fn after(failures: DeliveryFailures, is_own: bool, is_stopped: bool) -> SettledDelivery {
        let (retry, now_ms) = (RetryPolicy::default(), 100 * HOUR_MS);
        let attempt = Attempt { retry, now_ms, open_for_ms: 70_000, is_stopped, random: 0 };
        let result = AttemptResult::FailedAlone(reason());
        settled(&attempt, Attempted { ticket: ticket(failures), result, is_own })
    }

    fn is_dead(settled: &SettledDelivery) -> bool {
        matches!(settled.ending, DeliveryEnding::Dead(_))
    }

    #[test]
    fn failures_of_the_sink_cost_only_the_horizon() {
        let first = after(DeliveryFailures::default(), false, false);
        let (now_ms, due_ms) = (100 * HOUR_MS, 100 * HOUR_MS + 70_000);
        assert_eq!(first.ending, DeliveryEnding::RetryAt(due_ms, reason()));
        let want = DeliveryFailures { first_ms: Some(now_ms), alone_ms: Some(now_ms), own: 0 };
        assert_eq!(first.ticket.failures(), want);
        let since = |first_ms| DeliveryFailures { first_ms: Some(first_ms), ..want };
        assert!(!is_dead(&after(since(28 * HOUR_MS + 1), false, false)));
        assert!(is_dead(&after(since(28 * HOUR_MS), false, false)));
    }

    #[test]
    fn an_event_is_given_up_after_its_own_failures() {
        let own = |own| DeliveryFailures { own, ..DeliveryFailures::default() };
        assert!(!is_dead(&after(own(18), true, false)) && is_dead(&after(own(19), true, false)));
        assert!(!is_dead(&after(own(19), false, false)), "the sink failed, not the event");
    }

    #[test]
    fn a_stopped_sink_makes_no_delivery_a_dead_letter() {
        let old = DeliveryFailures { first_ms: Some(0), own: 50, ..DeliveryFailures::default() };
        assert!(!is_dead(&after(old, false, true)));
        let stopped = after(DeliveryFailures::default(), false, true);
        assert_eq!(stopped.ticket.failures().first_ms, None, "and no time counts");
    }

    #[test]
    fn a_failure_is_the_events_own_if_the_sink_responds_to_others() {
        let busy = SinkHealth::Busy(reason(), None);
        let is_own = |result: AttemptResult, alone_ms, health: &SinkHealth, accepted_ms: i64| {
            let failures = DeliveryFailures { alone_ms, ..DeliveryFailures::default() };
            Attempted::new(ticket(failures), result, health, |ms| accepted_ms > ms).is_own
        };
        let alone = || AttemptResult::FailedAlone(reason());
        assert!(is_own(alone(), Some(5), &busy, 6), "the sink accepted another one in between");
        assert!(!is_own(alone(), Some(5), &busy, 5) && !is_own(alone(), None, &busy, 6));
        assert!(!is_own(AttemptResult::Retry(reason()), Some(5), &busy, 6), "it was not alone");
        assert!(is_own(alone(), None, &SinkHealth::Up, 0));
        assert!(!is_own(alone(), Some(5), &SinkHealth::Stopped(reason()), 6));
    }
}
