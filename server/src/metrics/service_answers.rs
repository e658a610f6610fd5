//! What a service that a sink sends to has answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What a service has answered since the start.
#[derive(Debug, Default)]
pub struct ServiceAnswers {
    /// By the first digit of the status. At 0, requests without an answer.
    counts: [AtomicU64; 6],
    last: Mutex<Option<ServiceAnswer>>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAnswer {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The HTTP status. None if there was no answer.
    pub status: Option<u16>,
    /// The beginning of its body, or why there was none, without secrets.
    pub text: String,
}

/// What a service has answered since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceAnswerSums {
    /// Requests without an answer.
    pub none: u64,
    /// Answers with a status of 200 to 299.
    pub success: u64,
    /// Answers with a status of 300 to 399.
    pub redirect: u64,
    /// Answers with a status of 400 to 499.
    pub refused: u64,
    /// Answers with a status of 500 to 599.
    pub failed: u64,
    /// The last of them.
    pub last: Option<ServiceAnswer>,
}

impl ServiceAnswers {
    /// Counts one.
    pub fn record(&self, answer: ServiceAnswer) {
        let class = usize::from(answer.status.map_or(0, |status| status / 100));
        if let Some(count) = self.counts.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    /// The counts so far.
    pub fn sums(&self) -> ServiceAnswerSums {
        let [none, _, success, redirect, refused, failed] = std::array::from_fn(|class| {
            self.counts.get(class).map_or(0, |count| count.load(Ordering::Relaxed))
        });
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ServiceAnswerSums { none, success, redirect, refused, failed, last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class_and_the_last_is_kept() {
        let answers = ServiceAnswers::default();
        assert_eq!(answers.sums(), ServiceAnswerSums::default());
        for (at_ms, status) in
            (0..).zip([None, Some(200), Some(204), Some(404), Some(503), Some(999)])
        {
            answers.record(ServiceAnswer { at_ms, status, text: "x".into() });
        }
        let sums = answers.sums();
        assert_eq!(
            (sums.none, sums.success, sums.redirect, sums.refused, sums.failed),
            (1, 2, 0, 1, 1)
        );
        assert_eq!(sums.last.map(|it| (it.at_ms, it.status)), Some((5, Some(999))));
    }
}
