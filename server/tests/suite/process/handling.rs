//! Steps beside processing: giving leases back, setting payloads aside, what operators do with
//! that, pruning, and delivering.

use lamplight_server::store::{
    DeliveryAsk, DeliveryEnding, DeliveryOrder, DeliveryQueue, ExhaustedPayload, FailedPayload,
    Lease, LeaseAsk, LeaseToken, LeasedPayload, PayloadQueue, Reason, RetryAsk, Route,
    SettledDelivery, Settlement, StoreError, WorkerSlot,
};
use lamplight_server::system::entropy::{Entropy, SystemEntropy};
use lamplight_wire::event::Kind;

use crate::process::Simulation;

const SINK: &str = "a";

/// A sink that is owed every event.
pub(crate) fn routes() -> Vec<Route> {
    let (only, except) = (Vec::new(), Vec::new());
    let types = vec![Kind::Default];
    vec![Route { sink: SINK.into(), kind: "file", types, only, except }]
}

/// What is done with payloads and deliveries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Handling {
    /// A worker takes some, and is never heard of again.
    Lose,
    /// A worker takes some and gives them back.
    Release,
    /// A worker takes some and sets them aside.
    SetAside,
    /// An operator retries the first one that is set aside.
    Retry,
    /// An operator discards it.
    Discard,
    /// An operator restores the first one that was discarded.
    Restore,
    /// Retention removes what is settled.
    Prune,
    /// The log of counts is added to the tallies.
    Fold,
    /// Some deliveries are sent, some fail, and some are given up.
    Deliver,
    /// What was given up is queued again.
    RetryDead,
}

impl Handling {
    pub(crate) const ALL: [Self; 10] = [
        Self::Lose,
        Self::Release,
        Self::SetAside,
        Self::Retry,
        Self::Discard,
        Self::Restore,
        Self::Prune,
        Self::Fold,
        Self::Deliver,
        Self::RetryDead,
    ];
}

impl Simulation {
    /// A crash may interrupt it anywhere. What it leaves behind is checked at the end.
    pub(crate) async fn handle(&mut self, handling: Handling) -> Result<(), StoreError> {
        if matches!(handling, Handling::Prune) {
            if !self.unsure.is_empty() {
                // Whether one of them was staged is not known once it may have been removed.
                return Ok(());
            }
            self.may_be_pruned.extend(self.acknowledged.keys());
        }
        let (storage, now_ms) = (&self.parts().storage, self.now_ms());
        let queue = &*storage.payload_queue;
        match handling {
            Handling::Lose => lease(queue, now_ms).await.map(drop),
            Handling::Release => {
                let (lease, leased) = lease(queue, now_ms).await?;
                let failed = |it: LeasedPayload| FailedPayload {
                    ticket: it.ticket,
                    due_ms: now_ms + 10,
                    error: "not now".into(),
                    is_own: true,
                };
                queue.release(lease, leased.into_iter().map(failed).collect(), now_ms).await
            }
            Handling::SetAside => {
                let (lease, leased) = lease(queue, now_ms).await?;
                let exhausted =
                    |it: LeasedPayload| ExhaustedPayload { ticket: it.ticket, error: "no".into() };
                queue.set_aside(lease, leased.into_iter().map(exhausted).collect(), now_ms).await
            }
            Handling::Retry | Handling::Discard => {
                let found = queue.list_set_aside(None, 1).await?;
                let Some(id) = found.first().map(|it| it.metadata.id) else { return Ok(()) };
                let retries = matches!(handling, Handling::Retry);
                let done =
                    if retries { queue.retry(id, now_ms) } else { queue.discard(id, now_ms) };
                done.await.map(drop)
            }
            Handling::Restore => {
                let found = queue.list_discarded(None, 1).await?;
                let Some(id) = found.first().map(|it| it.metadata.id) else { return Ok(()) };
                queue.restore(id).await.map(drop)
            }
            Handling::Prune => {
                // What was discarded would be removed, too.
                for payload in queue.list_discarded(None, 100).await? {
                    queue.restore(payload.metadata.id).await?;
                }
                storage.archive.prune(now_ms + 1).await.map(drop)
            }
            Handling::Fold => storage.tallies.record(Vec::new()).await,
            Handling::Deliver => deliver(&*storage.delivery_queue, now_ms).await,
            Handling::RetryDead => {
                let ask = RetryAsk { now_ms, ..RetryAsk::default() };
                storage.delivery_queue.retry_dead(ask).await.map(drop)
            }
        }
    }

    /// Puts everything back in the queue that is set aside or was discarded.
    pub(crate) async fn take_back_all(&self) {
        let queue = &self.parts().storage.payload_queue;
        for payload in queue.list_discarded(None, u32::MAX).await.unwrap() {
            assert!(queue.restore(payload.metadata.id).await.unwrap());
        }
        for payload in queue.list_set_aside(None, u32::MAX).await.unwrap() {
            assert!(queue.retry(payload.metadata.id, self.now_ms()).await.unwrap());
        }
    }
}

/// Leases some payloads for a minute.
async fn lease(
    queue: &dyn PayloadQueue,
    now_ms: i64,
) -> Result<(Lease, Vec<LeasedPayload>), StoreError> {
    let token = LeaseToken(SystemEntropy.bits().unwrap());
    let lease_ms = 60_000;
    let leased = queue.lease(LeaseAsk {
        token,
        worker: WorkerSlot::ALONE,
        now_ms,
        lease_ms,
        payloads_max: 2,
        unpacked_bytes_max: 1 << 20,
    });
    Ok((Lease { token, until_ms: now_ms + lease_ms }, leased.await?))
}

/// Leases some deliveries and settles most of them.
async fn deliver(queue: &dyn DeliveryQueue, now_ms: i64) -> Result<(), StoreError> {
    let ask = DeliveryAsk {
        sink: SINK.into(),
        token: LeaseToken(SystemEntropy.bits().unwrap()),
        now_ms,
        lease_ms: 10_000,
        events_max: 5,
        bytes_max: 1 << 20,
        order: DeliveryOrder::Shared,
    };
    let (lease, leased) = queue.lease(ask).await?;
    if leased.is_empty() {
        return Ok(());
    }
    let reason = || Reason::new("refused", "no");
    let ending = |at: usize| match at % 3 {
        0 => DeliveryEnding::Sent,
        1 => DeliveryEnding::RetryAt(now_ms + 1_000, reason()),
        _ => DeliveryEnding::Dead(reason()),
    };
    let settled = leased.into_iter().take(4).enumerate();
    let deliveries =
        settled.map(|(at, it)| SettledDelivery { ticket: it.ticket, ending: ending(at) }).collect();
    let (sink, condition) = (SINK.into(), None);
    queue.settle(Settlement { sink, lease, deliveries, condition, now_ms }).await
}

/// Checks that there is one delivery for each stored event.
pub(crate) async fn check_deliveries(queue: &dyn DeliveryQueue, stored: u64) {
    let sinks = queue.sinks().await.unwrap();
    assert_eq!(sinks[0].deliveries() + sinks[0].discarded, stored, "{sinks:?}");
}
