//! The queue of payloads, as the stages of the server use it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::{PostgresIntake, queue, set_aside, unprocessed};
use crate::store::share::SHARES;
use crate::store::{
    Answer, Backlog, ExhaustedPayload, FailedPayload, Lease, LeaseAsk, LeasedPayload, NewPayload,
    PayloadId, PayloadQueue, PayloadState, SetAsidePayload, Ticket, Unprocessed, WorkerSlot,
};

impl PayloadQueue for PostgresIntake {
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()> {
        Box::pin(self.writer.stage(payload))
    }

    fn stage_all(&self, payloads: Vec<NewPayload>) -> Answer<'_, ()> {
        // The writer takes a payload that is there already for one whose answer got lost.
        let staged: Vec<_> = payloads.into_iter().map(|it| self.writer.stage(it)).collect();
        Box::pin(async { try_join_all(staged).await.map(drop) })
    }

    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>> {
        Box::pin(async move {
            let leasing = self.database.transact("lease payloads", move |transaction| {
                Box::pin(async move { queue::lease(transaction, ask).await })
            });
            let leased = leasing.await?;
            if !leased.is_empty() {
                let ids = leased.iter().map(|payload| payload.metadata.id.0);
                self.held.add(queue::lease_of(ask), ids, ask.now_ms);
            }
            Ok(leased)
        })
    }

    fn settle(&self, lease: Lease, tickets: Vec<Ticket>, now_ms: i64) -> Answer<'_, ()> {
        Box::pin(async move {
            let ids = Arc::new(queue::held(lease, tickets.iter(), now_ms)?);
            let settling = self.database.transact("settle payloads", |transaction| {
                let ids = Arc::clone(&ids);
                Box::pin(async move { queue::settle(transaction, lease, &ids).await })
            });
            settling.await?;
            self.held.remove(lease, &ids);
            Ok(())
        })
    }

    fn release(&self, lease: Lease, failed: Vec<FailedPayload>, now_ms: i64) -> Answer<'_, ()> {
        Box::pin(async move {
            let tickets = failed.iter().map(|failed| &failed.ticket);
            let ids = Arc::new(queue::held(lease, tickets, now_ms)?);
            let failed = Arc::new(failed);
            let releasing = self.database.transact("release payloads", |transaction| {
                let (ids, failed) = (Arc::clone(&ids), Arc::clone(&failed));
                Box::pin(async move { queue::release(transaction, lease, &ids, &failed).await })
            });
            releasing.await?;
            self.held.remove(lease, &ids);
            Ok(())
        })
    }

    fn set_aside(
        &self,
        lease: Lease,
        exhausted: Vec<ExhaustedPayload>,
        now_ms: i64,
    ) -> Answer<'_, ()> {
        Box::pin(async move {
            let tickets = exhausted.iter().map(|payload| &payload.ticket);
            let ids = Arc::new(queue::held(lease, tickets, now_ms)?);
            let exhausted = Arc::new(exhausted);
            let moving = self.database.transact("set payloads aside", |transaction| {
                let (ids, exhausted) = (Arc::clone(&ids), Arc::clone(&exhausted));
                Box::pin(async move {
                    set_aside::insert(transaction, lease, &ids, &exhausted, now_ms).await
                })
            });
            moving.await?;
            self.held.remove(lease, &ids);
            Ok(())
        })
    }

    fn list_set_aside(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        Box::pin(self.database.read("list payloads that are set aside", move |snapshot| {
            Box::pin(async move { set_aside::page(snapshot, false, after, limit).await })
        }))
    }

    fn list_discarded(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        Box::pin(self.database.read("list payloads that were discarded", move |snapshot| {
            Box::pin(async move { set_aside::page(snapshot, true, after, limit).await })
        }))
    }

    fn discard(&self, id: PayloadId, now_ms: i64) -> Answer<'_, bool> {
        Box::pin(self.database.transact("discard a payload", move |transaction| {
            Box::pin(async move { set_aside::mark_discarded(transaction, id, Some(now_ms)).await })
        }))
    }

    fn restore(&self, id: PayloadId) -> Answer<'_, bool> {
        Box::pin(self.database.transact("restore a discarded payload", move |transaction| {
            Box::pin(async move { set_aside::mark_discarded(transaction, id, None).await })
        }))
    }

    fn state(&self, id: PayloadId) -> Answer<'_, Option<PayloadState>> {
        Box::pin(self.database.read("find a payload", move |snapshot| {
            Box::pin(async move { unprocessed::state(snapshot, id).await })
        }))
    }

    fn unprocessed(&self, payloads_max: u32, unpacked_bytes_max: u64) -> Answer<'_, Unprocessed> {
        Box::pin(self.database.read("read unprocessed payloads", move |snapshot| {
            Box::pin(
                async move { unprocessed::page(snapshot, payloads_max, unpacked_bytes_max).await },
            )
        }))
    }

    fn retry(&self, id: PayloadId, due_ms: i64) -> Answer<'_, bool> {
        Box::pin(async move {
            let retrying =
                self.database.transact("retry a payload that is set aside", move |transaction| {
                    Box::pin(async move { set_aside::put_back(transaction, id, due_ms).await })
                });
            let is_queued = retrying.await?;
            if is_queued {
                self.wake();
            }
            Ok(is_queued)
        })
    }

    fn backlog(&self) -> Answer<'_, Backlog> {
        Box::pin(self.database.read("read the queue", |snapshot| {
            Box::pin(async move { queue::backlog(snapshot).await })
        }))
    }

    fn workers_max(&self) -> u32 {
        SHARES
    }

    fn staged(&self, worker: WorkerSlot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.notices.staged.staged(worker))
    }
}
