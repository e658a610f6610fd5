//! The leases that this process holds, so that it can end them when it is closed. Nothing else
//! depends on them: whether a lease holds, the database says.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::store::{Lease, LeaseToken};

/// The leases that this process holds.
#[derive(Debug, Default)]
pub(super) struct HeldLeases(Mutex<HashMap<LeaseToken, Held>>);

#[derive(Debug)]
struct Held {
    until_ms: i64,
    payloads: HashSet<Uuid>,
}

impl HeldLeases {
    fn all(&self) -> MutexGuard<'_, HashMap<LeaseToken, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that a lease holds these payloads, and forgets those whose time is over.
    pub(super) fn add(&self, lease: Lease, payloads: impl Iterator<Item = Uuid>, now_ms: i64) {
        let mut all = self.all();
        all.retain(|_, held| held.until_ms > now_ms);
        let empty = Held { until_ms: lease.until_ms, payloads: HashSet::new() };
        let held = all.entry(lease.token).or_insert(empty);
        held.until_ms = held.until_ms.max(lease.until_ms);
        held.payloads.extend(payloads);
    }

    /// Forgets payloads that a lease no longer holds.
    pub(super) fn remove(&self, lease: Lease, payloads: &[Uuid]) {
        let mut all = self.all();
        if let Some(held) = all.get_mut(&lease.token) {
            for id in payloads {
                held.payloads.remove(id);
            }
            if held.payloads.is_empty() {
                all.remove(&lease.token);
            }
        }
    }

    /// Everything that is held, each token with its payloads. Nothing is held afterwards.
    pub(super) fn take_all(&self) -> Vec<(Uuid, Vec<Uuid>)> {
        let held = std::mem::take(&mut *self.all()).into_iter();
        held.map(|(token, held)| (Uuid::from_u128(token.0), held.payloads.into_iter().collect()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_or_was_finished_is_not_held() {
        let held = HeldLeases::default();
        let lease = |token, until_ms| Lease { token: LeaseToken(token), until_ms };
        let id = Uuid::from_u128;
        held.add(lease(1, 10), [id(1)].into_iter(), 0);
        held.add(lease(2, 90), [id(2), id(3)].into_iter(), 5);
        held.add(lease(3, 90), [id(4)].into_iter(), 10);
        held.remove(lease(2, 90), &[id(3), id(9)]);
        held.remove(lease(3, 90), &[id(4)]);
        assert_eq!(held.take_all(), [(id(2), vec![id(2)])]);
        assert_eq!(held.take_all(), []);
    }
}
