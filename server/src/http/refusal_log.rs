//! Counts of refused requests, so that a flood of them fills no log.
//!
//! The first refusal of a kind is logged at once. Those that follow are counted, and logged as one
//! line a minute until a minute passes without any. Time is an argument.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// How long refusals of one kind are counted before they are logged, in milliseconds.
const WINDOW_MS: i64 = 60_000;
/// Most kinds that are counted apart. Beyond that, all keys with one code are counted together.
const KINDS_MAX: usize = 256;

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The key with this id.
    Key(String),
    /// A key that the server does not know. All of them together, so that guessed keys take no
    /// room, and no mistyped key is logged.
    Unknown,
    /// A request without a key.
    None,
    /// One of many, when there are too many to count apart.
    Other,
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(id) => id,
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Other => "other",
        })
    }
}

/// A kind of refusal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The code of the problem.
    pub code: &'static str,
    /// Who sent the request.
    pub sender: Sender,
}

/// How many requests were refused since the last line about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What they have in common.
    pub refused: Refused,
    /// How many there were.
    pub count: u64,
    /// Over how many seconds they were counted.
    pub seconds: i64,
}

impl Summary {
    /// Writes the line.
    pub fn log(&self) {
        let Self { refused: Refused { status, code, sender }, count, seconds } = self;
        tracing::warn!(status, code, key = %sender, count, seconds, "refused more requests");
    }
}

#[derive(Debug)]
struct Count {
    count: u64,
    since_ms: i64,
}

/// The counts.
#[derive(Debug, Default)]
pub struct RefusalLog(Mutex<HashMap<Refused, Count>>);

impl RefusalLog {
    /// Counts a refusal. Gives it back if it is the first of its kind, to be logged at once.
    pub fn record(&self, refused: Refused, now_ms: i64) -> Option<Refused> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = counts.len() >= KINDS_MAX && !counts.contains_key(&refused);
        let refused = if is_full { Refused { sender: Sender::Other, ..refused } } else { refused };
        if let Some(counted) = counts.get_mut(&refused) {
            counted.count = counted.count.saturating_add(1);
            return None;
        }
        counts.insert(refused.clone(), Count { count: 0, since_ms: now_ms });
        Some(refused)
    }

    /// The counts that are a minute old. Kinds without a refusal in that minute are forgotten.
    pub fn due(&self, now_ms: i64) -> Vec<Summary> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        counts.retain(|refused, counted| {
            // A clock that was set back must not silence the log.
            counted.since_ms = counted.since_ms.min(now_ms);
            let elapsed_ms = now_ms.saturating_sub(counted.since_ms);
            if elapsed_ms < WINDOW_MS {
                return true;
            }
            let count = std::mem::take(&mut counted.count);
            if count > 0 {
                due.push(Summary { refused: refused.clone(), count, seconds: elapsed_ms / 1_000 });
                counted.since_ms = now_ms;
            }
            count > 0
        });
        due
    }

    /// All counts, when there is no later: the server shuts down.
    pub fn drain(&self, now_ms: i64) -> Vec<Summary> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = counts.drain().filter(|(_, counted)| counted.count > 0);
        let summaries = counted.map(|(refused, Count { count, since_ms })| {
            let seconds = now_ms.saturating_sub(since_ms).max(0) / 1_000;
            Summary { refused, count, seconds }
        });
        summaries.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(sender: Sender) -> Refused {
        Refused { status: 429, code: "rate_limited", sender }
    }

    fn key(id: &str) -> Refused {
        refused(Sender::Key(id.to_owned()))
    }

    #[test]
    fn the_first_refusal_is_logged_at_once_and_the_rest_once_a_minute() {
        let log = RefusalLog::default();
        assert_eq!(log.record(key("a"), 1_000), Some(key("a")));
        for _ in 0..5 {
            assert_eq!(log.record(key("a"), 2_000), None);
        }
        assert_eq!(log.record(key("b"), 2_000), Some(key("b")), "another key is another kind");
        assert_eq!(log.due(60_999), []);
        let summary = |count, seconds| Summary { refused: key("a"), count, seconds };
        assert_eq!(log.due(61_000), [summary(5, 60)]);
        assert_eq!(log.record(key("a"), 61_000), None, "they go on, so no first line again");
        assert_eq!(log.due(121_500), [summary(1, 60)]);
        assert_eq!(log.due(182_000), []);
        assert_eq!(
            log.record(key("a"), 183_000),
            Some(key("a")),
            "a minute without any has passed"
        );
    }

    #[test]
    fn counts_that_are_left_are_logged_when_the_server_shuts_down() {
        let log = RefusalLog::default();
        let unknown = || refused(Sender::Unknown);
        log.record(unknown(), 0);
        log.record(unknown(), 0);
        log.record(key("once"), 0);
        assert_eq!(log.drain(5_500), [Summary { refused: unknown(), count: 1, seconds: 5 }]);
        assert_eq!(log.drain(5_500), []);
    }

    #[test]
    fn a_clock_that_is_set_back_delays_a_line_by_a_minute_at_most() {
        let log = RefusalLog::default();
        log.record(key("a"), 1_000_000);
        log.record(key("a"), 1_000_000);
        assert_eq!(log.due(0), []);
        assert_eq!(log.due(60_000).len(), 1);
    }

    #[test]
    fn many_keys_take_a_bounded_number_of_lines() {
        let log = RefusalLog::default();
        let first = (0..10_000).filter_map(|n| log.record(key(&n.to_string()), 0));
        assert_eq!(first.count(), KINDS_MAX + 1);
        let due = log.due(WINDOW_MS);
        assert_eq!(due.len(), 1, "only the others were more than one");
        assert_eq!(due[0].refused, refused(Sender::Other));
        assert_eq!(due[0].count, 10_000 - 1 - u64::try_from(KINDS_MAX).unwrap());
    }
}
