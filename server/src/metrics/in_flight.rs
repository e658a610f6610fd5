//! Requests in flight: how many, and how long the oldest has waited.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Requests in flight, by the time at which they began.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<BTreeMap<i64, SameBegin>>);

/// Requests that began in the same millisecond.
#[derive(Debug, Clone, Copy, Default)]
struct SameBegin {
    requests: u64,
    events: u64,
}

/// The requests in flight, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InFlightSums {
    /// Requests.
    pub requests: u64,
    /// Events in them.
    pub events: u64,
    /// When the oldest began, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
}

/// A request in flight, until it is dropped.
#[derive(Debug)]
pub struct RequestInFlight<'a> {
    all: &'a InFlight,
    since_ms: i64,
    events: u64,
}

impl InFlight {
    /// Counts a request of `events` that began at `since_ms`.
    pub fn enter(&self, since_ms: i64, events: u64) -> RequestInFlight<'_> {
        let mut waiting = self.lock();
        let same = waiting.entry(since_ms).or_default();
        same.requests += 1;
        same.events += events;
        drop(waiting);
        RequestInFlight { all: self, since_ms, events }
    }

    /// The requests in flight now.
    pub fn sums(&self) -> InFlightSums {
        let waiting = self.lock();
        let oldest_ms = waiting.keys().next().copied();
        waiting.values().fold(InFlightSums { oldest_ms, ..InFlightSums::default() }, |sums, it| {
            InFlightSums {
                requests: sums.requests + it.requests,
                events: sums.events + it.events,
                ..sums
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, SameBegin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RequestInFlight<'_> {
    fn drop(&mut self) {
        let mut waiting = self.all.lock();
        if let Some(same) = waiting.get_mut(&self.since_ms) {
            same.requests -= 1;
            same.events -= self.events;
            if same.requests == 0 {
                waiting.remove(&self.since_ms);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_count_while_they_are_in_flight() {
        let waiting = InFlight::default();
        assert_eq!(waiting.sums(), InFlightSums::default());
        let first = waiting.enter(5, 10);
        let (second, third) = (waiting.enter(5, 1), waiting.enter(9, 2));
        assert_eq!(waiting.sums(), InFlightSums { requests: 3, events: 13, oldest_ms: Some(5) });
        drop((first, second));
        assert_eq!(waiting.sums(), InFlightSums { requests: 1, events: 2, oldest_ms: Some(9) });
        drop(third);
        assert_eq!(waiting.sums(), InFlightSums::default());
    }
}
