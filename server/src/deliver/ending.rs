//! Turns the result of an attempt into the ending of a delivery. Pure.

use crate::sinks::AttemptResult;
use crate::store::{DeliveryEnding, DeliveryTicket, Reason, SettledDelivery};
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

/// The ending of each delivery of a batch.
pub(super) fn endings(
    attempt: &Attempt,
    tickets: Vec<DeliveryTicket>,
    results: Vec<AttemptResult>,
) -> impl Iterator<Item = SettledDelivery> {
    let attempt = *attempt;
    tickets.into_iter().zip(results).enumerate().map(move |(index, (ticket, result))| {
        // Each delivery of a batch waits for a different time: the increment of SplitMix64 spreads
        // neighbours.
        let random =
            attempt.random.wrapping_add((index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let ending = ending(&Attempt { random, ..attempt }, &ticket, result);
        SettledDelivery { ticket, ending }
    })
}

fn ending(attempt: &Attempt, ticket: &DeliveryTicket, result: AttemptResult) -> DeliveryEnding {
    match result {
        AttemptResult::Sent => DeliveryEnding::Sent,
        AttemptResult::Reject(reason) => DeliveryEnding::Dead(reason),
        AttemptResult::Drop(reason) => DeliveryEnding::Dropped(reason),
        AttemptResult::Retry(reason) => {
            let age_ms = attempt.now_ms.saturating_sub(ticket.queued_ms());
            let is_spent = ticket.attempts() >= attempt.retry.attempts_max
                || age_ms >= attempt.retry.horizon_ms;
            if is_spent && !attempt.is_stopped {
                return DeliveryEnding::Dead(reason);
            }
            let delay_ms = attempt.retry.delay_ms(ticket.attempts(), attempt.random);
            let wait_ms = delay_ms.max(attempt.open_for_ms);
            DeliveryEnding::RetryAt(attempt.now_ms.saturating_add(wait_ms), reason)
        }
    }
}

/// A delivery that is settled without being sent.
pub(super) fn dropped(ticket: DeliveryTicket, code: &'static str, detail: &str) -> SettledDelivery {
    SettledDelivery { ticket, ending: DeliveryEnding::Dropped(Reason::new(code, detail)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RowId;
    use uuid::Uuid;

    fn after(attempts: u32, age_ms: i64, is_stopped: bool) -> DeliveryEnding {
        let retry = RetryPolicy::default();
        let attempt = Attempt { retry, now_ms: age_ms, open_for_ms: 7_000, is_stopped, random: 0 };
        let event = RowId(Uuid::nil());
        let ticket = DeliveryTicket::new(event, 0, attempts, 1, 1);
        ending(&attempt, &ticket, AttemptResult::Retry(Reason::new("timeout", "")))
    }

    #[test]
    fn a_delivery_is_retried_until_it_had_too_many_attempts_or_is_too_old() {
        let (reason, horizon_ms) = (Reason::new("timeout", ""), RetryPolicy::default().horizon_ms);
        assert_eq!(after(1, 5, false), DeliveryEnding::RetryAt(7_005, reason.clone()));
        assert_eq!(after(20, 5, false), DeliveryEnding::Dead(reason.clone()));
        assert_eq!(after(1, horizon_ms, false), DeliveryEnding::Dead(reason));
    }

    #[test]
    fn a_stopped_sink_makes_no_delivery_a_dead_letter() {
        let horizon_ms = RetryPolicy::default().horizon_ms;
        assert!(matches!(after(50, horizon_ms, true), DeliveryEnding::RetryAt(..)));
    }
}
