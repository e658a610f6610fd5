//! Both databases, made to break off where a crash could.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use lamplight_server::store::Lease;
use lamplight_server::store::sqlite::{OpenError, SqliteIntake, SqliteStore, WriterLimits};
use lamplight_server::store::{
    Aggregate, AggregateQuery, Answer, Applied, Backlog, EventFilter, EventPage, EventQuery,
    EventRef, EventTrace, FailedPayload, Intake, Keep, KeptPayload, Key, LeaseAsk, LeasedPayload,
    LivePosition, LiveTail, NewPayload, PayloadId, PayloadMetadata, PayloadSpan, Plan,
    ProducerPage, ProducerQuery, Pruned, RefusedPage, RefusedQuery, Replay, ReplayId, Replayed,
    Share, SpanCount, SqlError, SqlQuery, SqlTable, Store, StoreError, Ticket, Totals,
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

/// Both databases, breaking off where they are told to.
pub(crate) struct Breaking {
    pub(crate) intake: SqliteIntake,
    pub(crate) store: SqliteStore,
    at: AtomicU8,
}

fn broken<T: Send + 'static>() -> Answer<'static, T> {
    Box::pin(async { Err(StoreError::Down { retry_after_s: 1 }) })
}

impl Breaking {
    /// Opens what is in `folder`. Fails only if its disk does.
    pub(crate) fn open(folder: &Path) -> Result<Arc<Self>, OpenError> {
        let limits = WriterLimits::default();
        Ok(Arc::new(Self {
            intake: SqliteIntake::open(&folder.join("intake.db"), limits)?,
            store: SqliteStore::open(&folder.join("store.db"), limits)?,
            at: AtomicU8::new(0),
        }))
    }

    /// From here on it breaks off there.
    pub(crate) fn break_off(&self, at: Break) {
        self.at.store(at as u8, Ordering::SeqCst);
    }

    fn breaks(&self, at: Break) -> bool {
        self.at.load(Ordering::SeqCst) == at as u8
    }
}

impl Intake for Breaking {
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()> {
        self.intake.stage(payload)
    }
    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>> {
        self.intake.lease(ask)
    }
    fn settle(&self, lease: Lease, tickets: Vec<Ticket>, now_ms: i64) -> Answer<'_, ()> {
        if self.breaks(Break::BeforeSettle) {
            return broken();
        }
        let breaks = self.breaks(Break::AfterSettle);
        let settled = self.intake.settle(lease, tickets, now_ms);
        Box::pin(async move {
            settled.await?;
            if breaks { broken().await } else { Ok(()) }
        })
    }
    fn release(&self, lease: Lease, failed: Vec<FailedPayload>, now_ms: i64) -> Answer<'_, ()> {
        self.intake.release(lease, failed, now_ms)
    }
    fn metadata(&self, id: PayloadId) -> Answer<'_, Option<PayloadMetadata>> {
        self.intake.metadata(id)
    }
    fn backlog(&self) -> Answer<'_, Backlog> {
        self.intake.backlog()
    }
    fn count(&self, span: PayloadSpan) -> Answer<'_, SpanCount> {
        self.intake.count(span)
    }
    fn payloads(
        &self,
        span: PayloadSpan,
        after: Option<PayloadId>,
        payloads_max: u32,
        unpacked_bytes_max: u64,
    ) -> Answer<'_, Vec<KeptPayload>> {
        self.intake.payloads(span, after, payloads_max, unpacked_bytes_max)
    }
    fn begin_replay(&self, span: PayloadSpan, now_ms: i64) -> Answer<'_, ReplayId> {
        self.intake.begin_replay(span, now_ms)
    }
    fn replays(&self) -> Answer<'_, Vec<Replay>> {
        self.intake.replays()
    }
    fn next_replay(&self) -> Answer<'_, Option<Replay>> {
        self.intake.next_replay()
    }
    fn advance_replay(
        &self,
        replay: Replay,
        after: Option<PayloadId>,
        done: Replayed,
        ended_ms: Option<i64>,
    ) -> Answer<'_, bool> {
        if self.breaks(Break::BeforeSettle) {
            return broken();
        }
        self.intake.advance_replay(replay, after, done, ended_ms)
    }
    fn prune(&self, before_ms: i64) -> Answer<'_, u64> {
        self.intake.prune(before_ms)
    }
    fn staged(&self, share: Share) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.intake.staged(share)
    }
    fn is_up(&self) -> bool {
        true
    }
    fn close(&self) -> Answer<'_, ()> {
        self.intake.close()
    }
}

impl Store for Breaking {
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>> {
        if self.breaks(Break::BeforeApply) {
            return broken();
        }
        let breaks = self.breaks(Break::AfterApply);
        let applied = self.store.apply(plans, now_ms);
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
        let applied = self.store.reapply(plans, now_ms);
        Box::pin(async move {
            let applied = applied.await?;
            if breaks { broken().await } else { Ok(applied) }
        })
    }
    fn keys(&self) -> Answer<'_, Vec<Key>> {
        self.store.keys()
    }
    fn refused(&self, query: RefusedQuery) -> Answer<'_, RefusedPage> {
        self.store.refused(query)
    }

    fn aggregate(&self, query: AggregateQuery) -> Answer<'_, Aggregate> {
        self.store.aggregate(query)
    }

    fn sql(&self, query: SqlQuery) -> Answer<'_, Result<SqlTable, SqlError>> {
        self.store.sql(query)
    }

    fn live_end(&self) -> Answer<'_, LivePosition> {
        self.store.live_end()
    }

    fn live(&self, filter: EventFilter, after: LivePosition, limit: u32) -> Answer<'_, LiveTail> {
        self.store.live(filter, after, limit)
    }

    fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.store.changes()
    }

    fn change_key(&self, key: Key) -> Answer<'_, bool> {
        self.store.change_key(key)
    }

    fn add_keys(&self, keys: Vec<Key>) -> Answer<'_, ()> {
        self.store.add_keys(keys)
    }
    fn totals(&self, now_ms: i64) -> Answer<'_, Totals> {
        self.store.totals(now_ms)
    }
    fn events(&self, query: EventQuery) -> Answer<'_, EventPage> {
        self.store.events(query)
    }
    fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>> {
        self.store.event(event)
    }
    fn retain(&self, keep: Keep) -> Answer<'_, Pruned> {
        self.store.retain(keep)
    }
    fn producers(&self, query: ProducerQuery) -> Answer<'_, ProducerPage> {
        self.store.producers(query)
    }
    fn is_up(&self) -> bool {
        true
    }
    fn close(&self) -> Answer<'_, ()> {
        self.store.close()
    }
}
