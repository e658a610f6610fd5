//! How many requests to intake were refused since the start, by code and by key.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::refusal_log::Sender;

/// Most keys that are counted apart. Beyond that, all further ones are counted together.
const KEYS_MAX: usize = 256;

/// The counts of one process. A restart begins at zero.
#[derive(Debug)]
pub struct RefusalCounts {
    since_ms: i64,
    sums: Mutex<RefusalSums>,
}

/// Counts of refused requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusalSums {
    /// By the code of the answer. There are only as many as this program has.
    pub by_code: BTreeMap<&'static str, u64>,
    /// By the id of the key. `unknown` are keys that the server does not know, `none` are requests
    /// without one, and `other` are further keys.
    pub by_key: BTreeMap<String, u64>,
}

impl RefusalCounts {
    /// Nothing is counted yet.
    pub fn new(since_ms: i64) -> Self {
        Self { since_ms, sums: Mutex::default() }
    }

    /// When counting began, in milliseconds since 1970.
    pub fn since_ms(&self) -> i64 {
        self.since_ms
    }

    /// Counts one refused request.
    pub fn record(&self, code: &'static str, sender: &Sender) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        *sums.by_code.entry(code).or_default() += 1;
        let mut key = sender.to_string();
        if sums.by_key.len() >= KEYS_MAX && !sums.by_key.contains_key(&key) {
            key = Sender::Other.to_string();
        }
        *sums.by_key.entry(key).or_default() += 1;
    }

    /// The counts so far.
    pub fn sums(&self) -> RefusalSums {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_code_and_by_a_bounded_number_of_keys() {
        let counts = RefusalCounts::new(5);
        counts.record("key_missing", &Sender::None);
        counts.record("key_unknown", &Sender::Unknown);
        for number in 0..1_000 {
            counts.record("rate_limited", &Sender::Key(format!("wk_{number}")));
        }
        let sums = counts.sums();
        assert_eq!(counts.since_ms(), 5);
        assert_eq!(sums.by_code["key_missing"], 1);
        assert_eq!(sums.by_code["rate_limited"], 1_000);
        assert_eq!((sums.by_key["none"], sums.by_key["unknown"], sums.by_key["wk_0"]), (1, 1, 1));
        assert_eq!(sums.by_key.len(), KEYS_MAX + 1);
        assert_eq!(sums.by_key.values().sum::<u64>(), 1_002);
    }
}
