//! The queue of a shard with the stream in front of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::counts::DrainCounts;
use super::link::{Content, Link};
use super::publisher::Publisher;
use crate::store::{
    Answer, Backlog, ExhaustedPayload, FailedPayload, Lease, LeaseAsk, LeasedPayload, NewPayload,
    PayloadId, PayloadQueue, PayloadState, SetAsidePayload, StreamBacklog, Ticket, Unprocessed,
    WorkerSlot,
};

/// The queue of a shard with the stream in front of it. Payloads are staged in the stream, and
/// everything else is about those that the drain has moved on.
pub(super) struct StreamQueue {
    pub(super) link: Arc<Link>,
    pub(super) shard: u16,
    pub(super) publisher: Arc<Publisher>,
    pub(super) counts: Arc<DrainCounts>,
    /// The queue behind the stream.
    pub(super) inner: Arc<dyn PayloadQueue>,
    /// What was in the stream when that was last known.
    pub(super) last: Mutex<Content>,
}

impl StreamQueue {
    async fn stream_backlog(&self) -> StreamBacklog {
        let content = match self.link.content(self.shard).await {
            Ok(content) => {
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = content;
                content
            }
            Err(why) => {
                tracing::debug!(why, "failed to read what is in the intake stream");
                *self.last.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        let (redelivered, unreadable) = self.counts.sums();
        StreamBacklog {
            groups: content.groups,
            bytes: content.bytes,
            bytes_max: self.link.bytes_max(),
            oldest_ms: content.oldest_ms,
            unreadable,
            redelivered,
        }
    }
}

impl PayloadQueue for StreamQueue {
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()> {
        Box::pin(self.publisher.stage(payload))
    }

    fn stage_all(&self, payloads: Vec<NewPayload>) -> Answer<'_, ()> {
        self.inner.stage_all(payloads)
    }

    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>> {
        self.inner.lease(ask)
    }

    fn settle(&self, lease: Lease, tickets: Vec<Ticket>, now_ms: i64) -> Answer<'_, ()> {
        self.inner.settle(lease, tickets, now_ms)
    }

    fn release(&self, lease: Lease, failed: Vec<FailedPayload>, now_ms: i64) -> Answer<'_, ()> {
        self.inner.release(lease, failed, now_ms)
    }

    fn set_aside(
        &self,
        lease: Lease,
        exhausted: Vec<ExhaustedPayload>,
        now_ms: i64,
    ) -> Answer<'_, ()> {
        self.inner.set_aside(lease, exhausted, now_ms)
    }

    fn list_set_aside(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        self.inner.list_set_aside(after, limit)
    }

    fn list_discarded(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        self.inner.list_discarded(after, limit)
    }

    fn discard(&self, id: PayloadId, now_ms: i64) -> Answer<'_, bool> {
        self.inner.discard(id, now_ms)
    }

    fn restore(&self, id: PayloadId) -> Answer<'_, bool> {
        self.inner.restore(id)
    }

    fn state(&self, id: PayloadId) -> Answer<'_, Option<PayloadState>> {
        self.inner.state(id)
    }

    fn unprocessed(&self, payloads_max: u32, unpacked_bytes_max: u64) -> Answer<'_, Unprocessed> {
        self.inner.unprocessed(payloads_max, unpacked_bytes_max)
    }

    fn retry(&self, id: PayloadId, due_ms: i64) -> Answer<'_, bool> {
        self.inner.retry(id, due_ms)
    }

    fn backlog(&self) -> Answer<'_, Backlog> {
        Box::pin(async {
            // The stream is read first, so that a payload that moves on meanwhile is counted twice,
            // not missed.
            let stream = self.stream_backlog().await;
            let backlog = self.inner.backlog().await?;
            let oldest_ms = [backlog.oldest_ms, stream.oldest_ms].into_iter().flatten().min();
            Ok(Backlog { oldest_ms, stream: Some(stream), ..backlog })
        })
    }

    fn in_stream(&self) -> Answer<'_, Option<StreamBacklog>> {
        Box::pin(async { Ok(Some(self.stream_backlog().await)) })
    }

    fn workers_max(&self) -> u32 {
        self.inner.workers_max()
    }

    fn staged(&self, worker: WorkerSlot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.inner.staged(worker)
    }
}
