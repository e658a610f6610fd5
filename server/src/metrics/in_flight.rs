//! What waits for an answer at this moment, and since when.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Requests that wait, by the time since which they do.
#[derive(Debug, Default)]
pub struct InFlight(Mutex<BTreeMap<i64, Together>>);

/// Those that began to wait in the same millisecond.
#[derive(Debug, Clone, Copy, Default)]
struct Together {
    requests: u64,
    events: u64,
}

/// What waits, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InFlightSums {
    /// Requests.
    pub requests: u64,
    /// Events in them.
    pub events: u64,
    /// Since when the oldest has waited, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
}

/// A place among those that wait, until it is dropped.
#[derive(Debug)]
pub struct Place<'a> {
    waiting: &'a InFlight,
    since_ms: i64,
    events: u64,
}

impl InFlight {
    /// A request of `events` waits from `since_ms` on.
    pub fn enter(&self, since_ms: i64, events: u64) -> Place<'_> {
        let mut waiting = self.lock();
        let together = waiting.entry(since_ms).or_default();
        together.requests += 1;
        together.events += events;
        drop(waiting);
        Place { waiting: self, since_ms, events }
    }

    /// What waits now.
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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Together>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock();
        if let Some(together) = waiting.get_mut(&self.since_ms) {
            together.requests -= 1;
            together.events -= self.events;
            if together.requests == 0 {
                waiting.remove(&self.since_ms);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_adds_up_whoever_waits_and_forgets_who_has_gone() {
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
