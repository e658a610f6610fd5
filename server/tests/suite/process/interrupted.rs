//! Storage whose calls fail where a crash could interrupt processing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use lamplight_server::store::{
    Answer, Applied, Backlog, Events, ExhaustedPayload, FailedPayload, Forgotten, Lease, LeaseAsk,
    LeasedPayload, NewPayload, PayloadId, PayloadQueue, PayloadSpan, PayloadState, Plan,
    PlanApplied, Pruned, Replay, ReplayId, Replayed, Replays, RetentionLimits, SetAsidePayload,
    Storage, StoreError, Ticket, Unprocessed, Week, WorkerSlot,
};

/// Where processing is interrupted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Interruption {
    Nowhere,
    BeforeApply,
    AfterApply,
    BeforeSettle,
    AfterSettle,
}

/// Storage that fails at a chosen point.
pub(crate) struct InterruptedStorage {
    /// The storage itself, which does not fail.
    pub(crate) storage: Storage,
    at: AtomicU8,
}

fn interrupted<T: Send + 'static>() -> Answer<'static, T> {
    Box::pin(async { Err(StoreError::Down { retry_after_s: 1 }) })
}

impl InterruptedStorage {
    /// Wraps `storage`.
    pub(crate) fn over(storage: Storage) -> Arc<Self> {
        Arc::new(Self { storage, at: AtomicU8::new(0) })
    }

    /// The storage with its calls wrapped.
    pub(crate) fn wrapped(self: &Arc<Self>) -> Storage {
        Storage {
            payload_queue: Arc::<Self>::clone(self),
            replays: Arc::<Self>::clone(self),
            events: Arc::<Self>::clone(self),
            ..self.storage.clone()
        }
    }

    /// Fails at this point from now on.
    pub(crate) fn interrupt(&self, at: Interruption) {
        self.at.store(at as u8, Ordering::SeqCst);
    }

    fn interrupts(&self, at: Interruption) -> bool {
        self.at.load(Ordering::SeqCst) == at as u8
    }
}

impl PayloadQueue for InterruptedStorage {
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()> {
        self.storage.payload_queue.stage(payload)
    }
    fn stage_all(&self, payloads: Vec<NewPayload>) -> Answer<'_, ()> {
        self.storage.payload_queue.stage_all(payloads)
    }
    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>> {
        self.storage.payload_queue.lease(ask)
    }
    fn settle(&self, lease: Lease, tickets: Vec<Ticket>, now_ms: i64) -> Answer<'_, ()> {
        if self.interrupts(Interruption::BeforeSettle) {
            return interrupted();
        }
        let interrupts = self.interrupts(Interruption::AfterSettle);
        let settled = self.storage.payload_queue.settle(lease, tickets, now_ms);
        Box::pin(async move {
            settled.await?;
            if interrupts { interrupted().await } else { Ok(()) }
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
    fn list_discarded(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        self.storage.payload_queue.list_discarded(after, limit)
    }
    fn discard(&self, id: PayloadId, now_ms: i64) -> Answer<'_, bool> {
        self.storage.payload_queue.discard(id, now_ms)
    }
    fn restore(&self, id: PayloadId) -> Answer<'_, bool> {
        self.storage.payload_queue.restore(id)
    }
    fn state(&self, id: PayloadId) -> Answer<'_, Option<PayloadState>> {
        self.storage.payload_queue.state(id)
    }
    fn unprocessed(&self, payloads_max: u32, unpacked_bytes_max: u64) -> Answer<'_, Unprocessed> {
        self.storage.payload_queue.unprocessed(payloads_max, unpacked_bytes_max)
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

impl Replays for InterruptedStorage {
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
        if self.interrupts(Interruption::BeforeSettle) {
            return interrupted();
        }
        self.storage.replays.advance(replay, after, done, ended_ms)
    }
}

impl Events for InterruptedStorage {
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>> {
        if self.interrupts(Interruption::BeforeApply) {
            return interrupted();
        }
        let interrupts = self.interrupts(Interruption::AfterApply);
        let applied = self.storage.events.apply(plans, now_ms);
        Box::pin(async move {
            let applied = applied.await?;
            if interrupts { interrupted().await } else { Ok(applied) }
        })
    }
    fn apply_each(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<PlanApplied>> {
        if self.interrupts(Interruption::BeforeApply) {
            return interrupted();
        }
        let interrupts = self.interrupts(Interruption::AfterApply);
        let applied = self.storage.events.apply_each(plans, now_ms);
        Box::pin(async move {
            let applied = applied.await?;
            if interrupts { interrupted().await } else { Ok(applied) }
        })
    }
    fn reapply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Replayed> {
        if self.interrupts(Interruption::BeforeApply) {
            return interrupted();
        }
        let interrupts = self.interrupts(Interruption::AfterApply);
        let applied = self.storage.events.reapply(plans, now_ms);
        Box::pin(async move {
            let applied = applied.await?;
            if interrupts { interrupted().await } else { Ok(applied) }
        })
    }
    fn forget(&self, source: String) -> Answer<'_, Forgotten> {
        self.storage.events.forget(source)
    }
    fn prune(&self, keep: RetentionLimits) -> Answer<'_, Pruned> {
        self.storage.events.prune(keep)
    }
    fn week_sizes(&self) -> Answer<'_, Vec<(Week, u64)>> {
        self.storage.events.week_sizes()
    }
}
