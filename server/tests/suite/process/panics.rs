//! A payload that cannot be planned: the others of its batch are processed, and it is set aside.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use lamplight_server::metrics::process::{ProcessMetrics, ProcessedSums};
use lamplight_server::process::enrich::Enrichers;
use lamplight_server::process::{ATTEMPTS_MAX, ParseError, Planner, Replayer, Worker};
use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite;
use lamplight_server::store::{
    Encoding, Events, NewPayload, PayloadId, PayloadMetadata, PayloadSpan, Plan, Storage,
    WorkerSlot,
};
use lamplight_server::system::clock::Clock;
use lamplight_server::system::entropy::SystemEntropy;
use uuid::Uuid;

use super::SetClock;
use super::interrupted::{InterruptedStorage, Interruption};

/// Longer than any delay between two attempts.
const LATER_MS: i64 = 300_000;
const GOOD: &str = r#"[{"name":"good"}]"#;
const POISON: &str = r#"[{"name":"poison"}]"#;

/// Panics on payloads with an event `poison`.
struct PanicsOnPoison;

impl Planner for PanicsOnPoison {
    fn plan(
        &self,
        metadata: &PayloadMetadata,
        body: &Bytes,
        attempt: u32,
    ) -> Result<Plan, ParseError> {
        let is_poison = body.windows(6).any(|bytes| bytes == b"poison");
        assert!(!is_poison, "cannot plan {}", metadata.id);
        Enrichers::default().plan(metadata, body, attempt)
    }
}

struct Stage {
    _dir: tempfile::TempDir,
    storage: Storage,
    clock: Arc<SetClock>,
    metrics: Arc<ProcessMetrics>,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (intake, store) = (dir.path().join("intake.db"), dir.path().join("store.db"));
        let storage = sqlite::open(&intake, &store, WriterLimits::default(), Vec::new()).unwrap();
        let clock = Arc::new(SetClock(1_700_000_000_000.into()));
        Self { _dir: dir, storage, clock, metrics: Arc::default() }
    }

    async fn stage(&self, number: u128, body: &str) {
        let metadata = PayloadMetadata {
            id: PayloadId(Uuid::from_u128(number)),
            received_ms: self.clock.now_ms(),
            key_id: "wk_1".into(),
            source: "web".into(),
            encoding: Encoding::Identity,
            events: 1,
            unpacked_bytes: 20,
            user_agent: None,
            origin: None,
            client: None,
        };
        let payload = NewPayload { metadata, body: body.to_owned().into(), home: None };
        self.storage.payload_queue.stage(payload).await.unwrap();
    }

    /// One round of a worker, after which the clock is set to when every retry is due.
    async fn round(&self, planner: impl Planner, events: &Arc<dyn Events>) {
        let worker = Worker {
            slot: WorkerSlot::ALONE,
            payload_queue: Arc::clone(&self.storage.payload_queue),
            events: Arc::clone(events),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Arc::new(SystemEntropy),
            planner: Arc::new(planner),
            metrics: Arc::clone(&self.metrics),
        };
        worker.round().await.unwrap();
        self.clock.0.fetch_add(LATER_MS, Ordering::SeqCst);
    }

    async fn stored(&self) -> u64 {
        self.storage.reader.totals(self.clock.now_ms()).await.unwrap().stored
    }
}

#[tokio::test]
async fn a_panic_while_one_payload_is_planned_delays_no_other_payload() {
    let stage = Stage::new();
    for number in 1..=255 {
        stage.stage(number, GOOD).await;
    }
    stage.stage(256, POISON).await;
    stage.round(PanicsOnPoison, &stage.storage.events).await;
    assert_eq!(stage.stored().await, 255);
    let backlog = stage.storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.payloads, backlog.failing, backlog.set_aside.payloads), (1, 1, 0));
    let error = backlog.last_error.unwrap();
    assert!(error.contains("the planner panicked: cannot plan"), "{error}");
    let counts = ProcessedSums { payloads: 255, stored: 255, retried: 1, ..Default::default() };
    assert_eq!(stage.metrics.sums(), counts);
}

#[tokio::test]
async fn a_payload_that_keeps_failing_is_set_aside_and_can_be_retried() {
    for (body, cause) in [(POISON, "panicked: cannot plan"), ("not JSON", "read the payload")] {
        let stage = Stage::new();
        stage.stage(1, body).await;
        for _ in 1..ATTEMPTS_MAX {
            stage.round(PanicsOnPoison, &stage.storage.events).await;
        }
        let queue = &stage.storage.payload_queue;
        assert_eq!(queue.list_set_aside(None, 10).await.unwrap(), [], "it has one more attempt");
        stage.round(PanicsOnPoison, &stage.storage.events).await;
        let aside = queue.list_set_aside(None, 10).await.unwrap();
        assert_eq!((aside.len(), aside[0].attempts), (1, ATTEMPTS_MAX));
        assert!(aside[0].error.contains(cause), "{}", aside[0].error);
        assert_eq!(queue.backlog().await.unwrap().payloads, 0);
        let retried = u64::from(ATTEMPTS_MAX - 1);
        let counts = ProcessedSums { retried, set_aside: 1, ..Default::default() };
        assert_eq!(stage.metrics.sums(), counts);
        stage.round(Enrichers::default(), &stage.storage.events).await;
        assert_eq!(stage.stored().await, 0, "only an operator retries it");
        assert!(queue.retry(aside[0].metadata.id, stage.clock.now_ms()).await.unwrap());
        stage.round(Enrichers::default(), &stage.storage.events).await;
        let fixed = u64::from(body == POISON);
        assert_eq!(stage.stored().await, fixed);
        assert_eq!(queue.backlog().await.unwrap().payloads, 1 - fixed);
    }
}

#[tokio::test]
async fn a_database_that_takes_no_writes_sets_no_payload_aside() {
    let stage = Stage::new();
    stage.stage(1, GOOD).await;
    let storage = InterruptedStorage::over(stage.storage.clone());
    storage.interrupt(Interruption::BeforeApply);
    let events = Arc::clone(&storage) as Arc<dyn Events>;
    for _ in 0..ATTEMPTS_MAX + 5 {
        stage.round(PanicsOnPoison, &events).await;
    }
    let backlog = stage.storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.payloads, backlog.failing, backlog.set_aside.payloads), (1, 1, 0));
    storage.interrupt(Interruption::Nowhere);
    stage.round(PanicsOnPoison, &events).await;
    assert_eq!(stage.stored().await, 1);
}

#[tokio::test]
async fn a_replay_skips_a_payload_that_panics_and_finishes() {
    let stage = Stage::new();
    for (number, body) in [(1, GOOD), (2, POISON), (3, GOOD)] {
        stage.stage(number, body).await;
    }
    stage.round(Enrichers::default(), &stage.storage.events).await;
    assert_eq!(stage.stored().await, 3);
    let span = PayloadSpan { first: PayloadId(Uuid::nil()), last: PayloadId(Uuid::max()) };
    stage.storage.replays.begin(span, stage.clock.now_ms()).await.unwrap();
    let replayer = Replayer {
        storage: stage.storage.clone(),
        clock: Arc::clone(&stage.clock) as Arc<dyn Clock>,
        payloads_max: 7,
        planner: Arc::new(PanicsOnPoison),
    };
    while replayer.round().await.unwrap() {}
    let replay = &stage.storage.replays.list().await.unwrap()[0];
    assert!(replay.ended_ms.is_some());
    assert_eq!((replay.done.payloads, replay.done.skipped), (3, 1));
}
