//! The leases of deliveries that this process holds, so that it can give them back when it ends.
//! Nothing depends on it: a lease that is not given back ends by its time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::{Failure, described};
use crate::store::{Lease, LeaseToken};

/// How long a server that ends takes to give its leases back.
const RELEASE_MAX: Duration = Duration::from_secs(5);
/// Gives back what a lease holds.
pub(crate) const RELEASE: &str = "UPDATE delivery_queue SET due_ms = 1, lease_token = NULL \
     WHERE sink = $1 AND due_ms = $2 AND lease_token = $3";

/// The leases that are held.
#[derive(Debug, Default)]
pub(crate) struct Leases(Mutex<HashMap<LeaseToken, Held>>);

#[derive(Debug, Clone, Copy)]
struct Held {
    sink: i32,
    until_ms: i64,
    deliveries: usize,
}

impl Leases {
    fn held(&self) -> MutexGuard<'_, HashMap<LeaseToken, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a lease of this many deliveries, and forgets those that have ended.
    pub(super) fn hold(&self, sink: i32, lease: Lease, deliveries: usize, now_ms: i64) {
        let mut held = self.held();
        held.retain(|_, held| held.until_ms > now_ms);
        held.insert(lease.token, Held { sink, until_ms: lease.until_ms, deliveries });
    }

    /// Records that this many deliveries of a lease were settled.
    pub(super) fn settled(&self, lease: Lease, deliveries: usize) {
        let mut all = self.held();
        if let Some(held) = all.get_mut(&lease.token) {
            held.deliveries = held.deliveries.saturating_sub(deliveries);
            if held.deliveries == 0 {
                all.remove(&lease.token);
            }
        }
    }

    /// Gives all of them back.
    pub(crate) async fn release(&self, database: &Database) {
        let all: Arc<[_]> = std::mem::take(&mut *self.held()).into_iter().collect();
        if all.is_empty() {
            return;
        }
        let releasing = database.transaction(move |transaction| {
            let all = Arc::clone(&all);
            Box::pin(async move {
                let release = transaction.prepare_cached(RELEASE).await?;
                for (LeaseToken(token), Held { sink, until_ms, .. }) in &*all {
                    let token = Uuid::from_u128(*token);
                    transaction.execute(&release, &[sink, until_ms, &token]).await?;
                }
                Ok::<_, Failure>(())
            })
        });
        let error = match tokio::time::timeout(RELEASE_MAX, releasing).await {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => described(&failure),
            Err(_) => format!("the database did not answer within {} s", RELEASE_MAX.as_secs()),
        };
        tracing::warn!(
            error,
            "leases of deliveries were not given back: the deliveries are leased again when the time \
             of the leases is over"
        );
    }
}
