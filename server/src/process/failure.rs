//! What happens to a payload whose processing failed. Pure.

use std::error::Error;

use super::planner::{PlanError, full_message};
use crate::store::{ExhaustedPayload, FailedPayload, LeasedPayload, PayloadId, StoreError, Ticket};

/// Attempts that may fail because of the payload itself. After the last it is set aside. With the
/// delays between them that takes about an hour.
pub const ATTEMPTS_MAX: u32 = 20;
/// Delay before the second attempt; it doubles from there.
const RETRY_MS: i64 = 1_000;
/// The longest delay between attempts.
const RETRY_MS_MAX: i64 = 300_000;

/// A leased payload, without its body.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    ticket: Ticket,
    payload: PayloadId,
    source: String,
    earlier_attempts: u32,
    earlier_own_failures: u32,
}

/// An attempt that failed.
#[derive(Debug)]
pub(super) struct Failure {
    attempt: Attempt,
    code: &'static str,
    error: String,
    is_own: bool,
}

/// Payloads that failed, by what happens to them next.
#[derive(Debug, Default)]
pub(super) struct Failed {
    pub(super) retried: Vec<FailedPayload>,
    pub(super) exhausted: Vec<ExhaustedPayload>,
    /// All of them, to be counted.
    pub(super) errors: Vec<ProcessingError>,
}

/// Why an attempt failed, or that the payload was set aside.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProcessingError {
    pub(super) code: &'static str,
    pub(super) source: String,
    pub(super) payload: PayloadId,
    pub(super) message: String,
}

/// A payload was set aside.
const SET_ASIDE: &str = "set_aside";

impl Attempt {
    pub(super) fn of(leased: &LeasedPayload) -> Self {
        Self {
            ticket: leased.ticket.clone(),
            payload: leased.metadata.id,
            source: leased.metadata.source.clone(),
            earlier_attempts: leased.attempts,
            earlier_own_failures: leased.own_failures,
        }
    }

    pub(super) fn into_ticket(self) -> Ticket {
        self.ticket
    }

    pub(super) fn not_planned(self, error: &PlanError) -> Failure {
        let code = match error {
            PlanError::Parse(_) => "payload_unreadable",
            PlanError::Panic(_) => "planner_panicked",
        };
        self.failed(code, error, true)
    }

    /// Applying this payload alone failed.
    pub(super) fn not_applied(self, error: &StoreError) -> Failure {
        // A database that takes no writes is nobody's fault; one that refuses this write and goes
        // on taking others refuses this payload.
        let is_own = matches!(error, StoreError::Database { .. });
        let code = if is_own { "payload_not_applied" } else { "store_unavailable" };
        self.failed(code, error, is_own)
    }

    fn failed(self, code: &'static str, error: &dyn Error, is_own: bool) -> Failure {
        Failure { attempt: self, code, error: full_message(error), is_own }
    }
}

impl Failed {
    /// Decides for each whether it is retried, and when, or set aside.
    pub(super) fn sort(failures: Vec<Failure>, now_ms: i64) -> Self {
        let mut sorted = Self::default();
        for Failure { attempt, code, error, is_own } in failures {
            let Attempt { ticket, payload, source, earlier_attempts, earlier_own_failures } =
                attempt;
            let mut count = |code| {
                let (source, message) = (source.clone(), error.clone());
                sorted.errors.push(ProcessingError { code, source, payload, message });
            };
            count(code);
            let attempts = earlier_attempts + 1;
            if is_own && earlier_own_failures + 1 >= ATTEMPTS_MAX {
                count(SET_ASIDE);
                tracing::error!(
                    %payload, attempts, error,
                    "set a payload aside after {ATTEMPTS_MAX} failures of its own; see GET /api/payloads/set-aside"
                );
                sorted.exhausted.push(ExhaustedPayload { ticket, error });
                continue;
            }
            let delay_ms =
                retry_delay_ms(if is_own { earlier_own_failures } else { earlier_attempts });
            tracing::error!(%payload, attempts, delay_ms, error, "failed to process a payload; it is retried");
            let due_ms = now_ms.saturating_add(delay_ms);
            sorted.retried.push(FailedPayload { ticket, due_ms, error, is_own });
        }
        sorted
    }
}

fn retry_delay_ms(earlier_failures: u32) -> i64 {
    RETRY_MS.saturating_mul(1 << earlier_failures.min(20)).min(RETRY_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn attempt(earlier_attempts: u32, earlier_own_failures: u32) -> Attempt {
        let (ticket, payload) = (Ticket::new(b"t"), PayloadId(Uuid::from_u128(7)));
        Attempt { ticket, payload, source: "web".into(), earlier_attempts, earlier_own_failures }
    }

    fn refused() -> StoreError {
        StoreError::database("apply a payload", std::fmt::Error)
    }

    #[test]
    fn delays_double_from_one_second_to_five_minutes() {
        let delays = [0, 1, 2, 8, 9, 40].map(retry_delay_ms);
        assert_eq!(delays, [1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
    }

    #[test]
    fn a_payload_is_set_aside_at_its_last_own_failure_and_not_before() {
        let panicked = || PlanError::Panic("index out of bounds".into());
        let early = attempt(30, ATTEMPTS_MAX - 2).not_planned(&panicked());
        let last = attempt(30, ATTEMPTS_MAX - 1).not_planned(&panicked());
        let refused = attempt(30, ATTEMPTS_MAX - 1).not_applied(&refused());
        let failed = Failed::sort(vec![early, last, refused], 5);
        assert_eq!(failed.retried.len(), 1);
        assert!(failed.retried[0].is_own);
        assert_eq!(failed.exhausted.len(), 2);
        let codes: Vec<_> = failed.errors.iter().map(|it| it.code).collect();
        let panicked = "planner_panicked";
        assert_eq!(codes, [panicked, panicked, "set_aside", "payload_not_applied", "set_aside"]);
        let error = &failed.exhausted[0].error;
        assert_eq!(error, "failed to plan the payload: the planner panicked: index out of bounds");
        assert!(failed.exhausted[1].error.starts_with("failed to apply a payload: "));
    }

    #[test]
    fn a_database_that_takes_no_writes_never_sets_a_payload_aside() {
        for error in [
            StoreError::Down { retry_after_s: 1 },
            StoreError::Full { queued_bytes: 9, retry_after_s: 1 },
        ] {
            let failure = attempt(1_000, ATTEMPTS_MAX - 1).not_applied(&error);
            let failed = Failed::sort(vec![failure], 5);
            assert_eq!((failed.retried.len(), failed.exhausted.len()), (1, 0));
            assert!(!failed.retried[0].is_own);
            assert_eq!(failed.retried[0].due_ms, 300_005);
        }
    }
}
