//! Errors that happened a moment ago, until they are added to what is stored.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Most groups at a time. Beyond that, errors with one code are counted together.
const GROUPS_MAX: usize = 256;
/// The most bytes that are kept of a message.
const MESSAGE_BYTES_MAX: usize = 1_200;

/// Errors with the same code and source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ErrorKind {
    /// The code in the API.
    pub code: &'static str,
    /// The source, or nothing if it is not known.
    pub source: String,
}

/// How many errors of a kind happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorSum {
    /// How many.
    pub count: u64,
    /// When the first happened, in milliseconds since 1970.
    pub first_ms: i64,
    /// When the last happened.
    pub last_ms: i64,
    /// What was wrong with the last.
    pub message: String,
    /// The payload of the last, if there is one.
    pub payload: Option<u128>,
}

/// Errors that are not stored yet. A process that is killed loses them.
#[derive(Debug, Default)]
pub struct RecentErrors(Mutex<HashMap<ErrorKind, ErrorSum>>);

impl RecentErrors {
    /// Counts an error.
    pub fn record(&self, kind: ErrorKind, message: &str, payload: Option<u128>, at_ms: i64) {
        let mut end = message.len().min(MESSAGE_BYTES_MAX);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        let message = message.get(..end).unwrap_or_default().to_owned();
        self.add(kind, ErrorSum { count: 1, first_ms: at_ms, last_ms: at_ms, message, payload });
    }

    /// Adds errors, such as those that could not be stored.
    pub fn add(&self, kind: ErrorKind, sum: ErrorSum) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = sums.len() >= GROUPS_MAX && !sums.contains_key(&kind);
        let kind = if is_full { ErrorKind { source: String::new(), ..kind } } else { kind };
        match sums.get_mut(&kind) {
            Some(known) => {
                known.count = known.count.saturating_add(sum.count);
                known.first_ms = known.first_ms.min(sum.first_ms);
                if sum.last_ms >= known.last_ms {
                    *known = ErrorSum { count: known.count, first_ms: known.first_ms, ..sum };
                }
            }
            None => {
                sums.insert(kind, sum);
            }
        }
    }

    /// Takes everything that was counted.
    pub fn take(&self) -> HashMap<ErrorKind, ErrorSum> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(source: &str) -> ErrorKind {
        ErrorKind { code: "rate_limited", source: source.to_owned() }
    }

    #[test]
    fn errors_are_added_up_until_they_are_taken() {
        let errors = RecentErrors::default();
        errors.record(kind("web"), "first", None, 5);
        errors.record(kind("web"), &"é".repeat(1_000), Some(7), 9);
        let taken = errors.take();
        let sum = &taken[&kind("web")];
        assert_eq!((sum.count, sum.first_ms, sum.last_ms, sum.payload), (2, 5, 9, Some(7)));
        assert_eq!(sum.message.len(), MESSAGE_BYTES_MAX);
        assert!(errors.take().is_empty());
        errors.record(kind("web"), "later", None, 20);
        for (kind, sum) in taken {
            errors.add(kind, sum);
        }
        let sum = &errors.take()[&kind("web")];
        assert_eq!((sum.count, sum.first_ms, sum.last_ms), (3, 5, 20));
        assert_eq!(sum.message, "later");
    }

    #[test]
    fn many_sources_take_a_bounded_number_of_groups() {
        let errors = RecentErrors::default();
        for number in 0..10_000 {
            errors.record(kind(&number.to_string()), "", None, 0);
        }
        let taken = errors.take();
        assert_eq!(taken.len(), GROUPS_MAX + 1);
        assert_eq!(taken.values().map(|sum| sum.count).sum::<u64>(), 10_000);
    }
}
