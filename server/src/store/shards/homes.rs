//! Where the payloads are that this process has leased.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::PayloadId;

/// Where the payloads are that this process has leased. The database that has a payload marks it as
/// applied, also if all of its events belong elsewhere.
#[derive(Debug, Default)]
pub(super) struct Homes(Mutex<HashMap<PayloadId, Home>>);

/// Where a payload is, and until when it is leased.
#[derive(Debug, Clone, Copy)]
struct Home {
    shard: u16,
    until_ms: i64,
}

impl Homes {
    /// Remembers where leased payloads are, and forgets those whose lease is over.
    pub(super) fn lease(
        &self,
        shard: u16,
        payloads: impl IntoIterator<Item = PayloadId>,
        (now_ms, until_ms): (i64, i64),
    ) {
        let mut homes = self.lock();
        homes.retain(|_, home| home.until_ms > now_ms);
        homes.extend(payloads.into_iter().map(|payload| (payload, Home { shard, until_ms })));
    }

    /// Where a payload is, if it is leased.
    pub(super) fn of(&self, payload: PayloadId) -> Option<u16> {
        self.lock().get(&payload).map(|home| home.shard)
    }

    /// Forgets payloads whose lease is over.
    pub(super) fn end(&self, payloads: impl IntoIterator<Item = PayloadId>) {
        let mut homes = self.lock();
        for payload in payloads {
            homes.remove(&payload);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PayloadId, Home>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
