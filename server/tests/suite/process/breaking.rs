//! Storage that is made to break off where a crash could.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use lamplight_server::store::{
    Answer, Applied, Backlog, Events, ExhaustedPayload, FailedPayload, Lease, LeaseAsk,
    LeasedPayload, NewPayload, PayloadId, PayloadQueue, PayloadSpan, Plan, Pruned, Replay,
    ReplayId, Replayed, Replays, RetentionLimits, SetAsidePayload, Storage, StoreError, Ticket,
    WorkerSlot,
};

/// Where processing breaks off.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Break {
    Nowhere,
    BeforeApply,
    AfterApply,
    BeforeSettle,
    AfterSettle,
}

/// Storage that breaks off where it is told to.
pub(crate) struct Breaking {
    /// The storage itself, which never breaks off.
    pub(crate) storage: Storage,
    at: AtomicU8,
}

fn broken<T: Send + 'static>() -> Answer<'static, T> {
    Box::pin(async { Err(StoreError::Down { retry_after_s: 1 }) })
}

impl Breaking {
    /// Breaks off calls to `storage`.
    pub(crate) fn over(storage: Storage) -> Arc<Self> {
        Arc::new(Self { storage, at: AtomicU8::new(0) })
    }

    /// The storage, with every call to it passing through this.
    pub(crate) fn watched(self: &Arc<Self>) -> Storage {
        Storage {
            payload_queue: Arc::<Self>::clone(self),
            replays: Arc::<Self>::clone(self),
            events: Arc::<Self>::clone(self),
            ..self.storage.clone()
        }
    }

    /// From here on it breaks off there.
    pub(crate) fn break_off(&self, at: Break) {
        self.at.store(at as u8, Ordering::SeqCst);
    }

    fn breaks(&self, at: Break) -> bool {
        self.at.load(Ordering::SeqCst) == at as u8
    }
}

impl PayloadQueue for Breaking {
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()> {
        self.storage.payload_queue.stage(payload)
    }
    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>> {
        self.storage.payload_queue.lease(ask)
    }
    fn settle(&self, lease: Lease, tickets: Vec<Ticket>, now_ms: i64) -> Answer<'_, ()> {
        if self.breaks(Break::BeforeSettle) {
            return broken();
        }
        let breaks = self.breaks(Break::AfterSettle);
        let settled = self.storage.payload_queue.settle(lease, tickets, now_ms);
        Box::pin(async move {
            settled.await?;
            if breaks { broken().await } else { Ok(()) }
        })
    }
    fn release(&self, lease: Lease, failed: Vec<FailedPayload>, now_ms: i64) -> Answer<'_, ()> {
        self.storage.payload_queue.release(lease, failed, now_ms)
    }
    fn set_aside(
        &self,
        lease: Lease,
        exhausted: Vec<ExhaustedPayload>,
        now_ms: i64,
    ) -> Answer<'_, ()> {
        self.storage.payload_queue.set_aside(lease, exhausted, now_ms)
    }
    fn list_set_aside(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        self.storage.payload_queue.list_set_aside(after, limit)
    }
    fn retry(&self, id: PayloadId, now_ms: i64) -> Answer<'_, bool> {
        self.storage.payload_queue.retry(id, now_ms)
    }
    fn backlog(&self) -> Answer<'_, Backlog> {
        self.storage.payload_queue.backlog()
    }
    fn workers_max(&self) -> u32 {
        self.storage.payload_queue.workers_max()
    }
    fn staged(&self, worker: WorkerSlot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.storage.payload_queue.staged(worker)
    }
}

impl Replays for Breaking {
    fn begin(&self, span: PayloadSpan, now_ms: i64) -> Answer<'_, ReplayId> {
        self.storage.replays.begin(span, now_ms)
    }
    fn list(&self) -> Answer<'_, Vec<Replay>> {
        self.storage.replays.list()
    }
    fn next(&self) -> Answer<'_, Option<Replay>> {
        self.storage.replays.next()
    }
    fn advance(
        &self,
        replay: Replay,
        after: Option<PayloadId>,
        done: Replayed,
        ended_ms: Option<i64>,
    ) -> Answer<'_, bool> {
        if self.breaks(Break::BeforeSettle) {
            return broken();
        }
        self.storage.replays.advance(replay, after, done, ended_ms)
    }
}

impl Events for Breaking {
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>> {
        if self.breaks(Break::BeforeApply) {
            return broken();
        }
        let breaks = self.breaks(Break::AfterApply);
        let applied = self.storage.events.apply(plans, now_ms);
        Box::pin(async move {
            let applied = applied.await?;
            if breaks { broken().await } else { Ok(applied) }
        })
    }
    fn reapply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Replayed> {
        if self.breaks(Break::BeforeApply) {
            return broken();
        }
        let breaks = self.breaks(Break::AfterApply);
        let applied = self.storage.events.reapply(plans, now_ms);
        Box::pin(async move {
            let applied = applied.await?;
            if breaks { broken().await } else { Ok(applied) }
        })
    }
    fn prune(&self, keep: RetentionLimits) -> Answer<'_, Pruned> {
        self.storage.events.prune(keep)
    }
}
