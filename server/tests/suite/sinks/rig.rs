//! A store with events, and workers that deliver them.

use std::sync::Arc;
use std::time::Duration;

use lamplight_server::config::parse_sink;
use lamplight_server::deliver::Worker;
use lamplight_server::process::row_id;
use lamplight_server::sinks::{SinkConfig, open};
use lamplight_server::store::LeaseToken;
use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite::SqliteStore;
use lamplight_server::store::{
    Database, DeliveryAsk, DeliveryOrder, DeliveryQueue, DeliveryStep, EventColumns, EventIdentity,
    EventRow, Events, PayloadId, Plan, PlannedEvent, PlannedOutcome, RetryAsk, RowId, SinkRow,
};
use lamplight_server::system::clock::{Clock, SystemClock};
use lamplight_server::system::entropy::{Entropy, SystemEntropy};
use lamplight_wire::event::Kind;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A store, and the workers that deliver from it.
pub(crate) struct Rig {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Arc<SqliteStore>,
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    sinks: Vec<(String, SinkConfig)>,
}

impl Rig {
    /// A new store with these sinks, given as TOML tables. No worker runs.
    pub(crate) fn new(sinks: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::over(dir, sinks)
    }

    fn over(dir: tempfile::TempDir, sinks: &[(&str, &str)]) -> Self {
        let sinks: Vec<(String, SinkConfig)> = sinks
            .iter()
            .map(|(name, text)| ((*name).to_owned(), parse_sink(name, text).unwrap()))
            .collect();
        let routes = sinks.iter().map(|(name, config)| config.route(name)).collect();
        let path = dir.path().join("store.db");
        let store = SqliteStore::open(&path, WriterLimits::default(), routes).unwrap();
        let store = Arc::new(store);
        Self { dir, store, stop: watch::Sender::new(false), workers: Vec::new(), sinks }
    }

    /// The same store with other sinks, whose workers run.
    pub(crate) async fn with_sinks(self, sinks: &[(&str, &str)]) -> Self {
        let Self { dir, store, .. } = self;
        store.close().await.unwrap();
        drop(store);
        let mut rig = Self::over(dir, sinks);
        rig.start();
        rig
    }

    /// Starts a worker for each sink.
    pub(crate) fn start(&mut self) {
        for (name, config) in &self.sinks {
            let worker = Worker {
                name: name.as_str().into(),
                sink: open(name, config).unwrap(),
                delivery_queue: Arc::clone(&self.store) as Arc<dyn DeliveryQueue>,
                retry: config.retry(),
                metrics: Arc::default(),
                clock: Arc::new(SystemClock) as Arc<dyn Clock>,
                entropy: Arc::new(SystemEntropy) as Arc<dyn Entropy>,
            };
            for lane in worker.lanes() {
                self.workers.push(tokio::spawn(lane.run(self.stop.subscribe())));
            }
        }
    }

    /// Stores events. Returns their ids.
    pub(crate) async fn add(&self, events: Vec<EventColumns>) -> Vec<RowId> {
        let mut ids = Vec::new();
        let mut rest = events.into_iter().peekable();
        while rest.peek().is_some() {
            let part: Vec<EventColumns> = rest.by_ref().take(1_000).collect();
            let plan = plan(part);
            ids.extend(plan.events.iter().map(|event| event.id));
            self.store.apply(vec![Arc::new(plan)], now_ms()).await.unwrap();
        }
        ids
    }

    pub(crate) async fn sink(&self, name: &str) -> SinkRow {
        let sinks = self.store.sinks().await.unwrap();
        sinks.into_iter().find(|sink| sink.name == name).unwrap()
    }

    pub(crate) async fn steps(&self, event: RowId) -> Vec<DeliveryStep> {
        self.store.steps(event).await.unwrap()
    }

    /// The last step of the delivery of an event: its state, and its reason.
    pub(crate) async fn end(&self, event: RowId) -> (&'static str, String) {
        let steps = self.steps(event).await;
        let last = steps.last().unwrap();
        (last.state.name(), last.reason.clone().unwrap_or_default())
    }

    /// Waits until `is` holds for the sink.
    pub(crate) async fn until(&self, name: &str, is: impl Fn(&SinkRow) -> bool) -> SinkRow {
        let mut last = self.sink(name).await;
        for _ in 0..12_000 {
            if is(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            last = self.sink(name).await;
        }
        panic!("after two minutes it still is {last:?}");
    }

    /// Waits until nothing is owed to the sink.
    pub(crate) async fn settled(&self, name: &str) -> SinkRow {
        self.until(name, |sink| sink.waiting == 0).await
    }

    /// Retries every dead letter of the sink.
    pub(crate) async fn retry_all(&self, name: &str) -> u64 {
        let ask = RetryAsk { sink: Some(name.into()), now_ms: now_ms(), ..RetryAsk::default() };
        self.store.retry_dead(ask).await.unwrap().count
    }

    /// Leases what is due and never settles it, as a worker that crashes. The lease has ended when
    /// this returns.
    pub(crate) async fn lease_and_forget(&self, name: &str) {
        let ask = DeliveryAsk {
            sink: name.into(),
            token: LeaseToken(7),
            now_ms: now_ms() - 1_000,
            lease_ms: 1,
            events_max: 1_000,
            bytes_max: 1 << 20,
            order: DeliveryOrder::Shared,
        };
        let (_, leased) = self.store.lease(ask).await.unwrap();
        assert!(!leased.is_empty());
    }

    /// Stops the workers and waits until they end.
    pub(crate) async fn stop(&mut self) {
        self.stop.send_replace(true);
        for worker in self.workers.drain(..) {
            worker.await.unwrap();
        }
        self.stop.send_replace(false);
    }
}

fn plan(events: Vec<EventColumns>) -> Plan {
    let mut bits = [0; 16];
    SystemEntropy.fill(&mut bits).unwrap();
    let (payload, received_ms) = (PayloadId(Uuid::from_bytes(bits)), now_ms());
    let events = (0..)
        .zip(events)
        .map(|(index, columns)| PlannedEvent {
            id: row_id(payload, received_ms, index),
            index,
            identity: EventIdentity::Anonymous,
            outcome: PlannedOutcome::Store(Box::new(columns)),
        })
        .collect();
    Plan {
        payload,
        received_ms,
        created_day: 20_260_131,
        source: "web".into(),
        is_secret: false,
        attempt: 1,
        notes: Vec::new(),
        events,
    }
}

pub(crate) fn now_ms() -> i64 {
    SystemClock.now_ms()
}

/// An event with this name, made now by a user.
pub(crate) fn event(name: &str) -> EventColumns {
    EventColumns {
        kind: Kind::Default,
        name: name.to_owned(),
        ts_ms: None,
        time_ms: now_ms(),
        user_id: Some("ann".into()),
        anonymous_id: None,
        session: None,
        properties_json: Some(r#"{"plan":"pro"}"#.into()),
        context_json: None,
        monitor_json: None,
        enrichment_json: None,
    }
}

/// This many events, each with a different number.
pub(crate) fn events(count: usize) -> Vec<EventColumns> {
    (0..count)
        .map(|number| EventColumns {
            properties_json: Some(format!(r#"{{"n":{number}}}"#)),
            ..event("e")
        })
        .collect()
}

/// A metric.
pub(crate) fn metric(name: &str, monitor_json: &str) -> EventColumns {
    EventColumns { kind: Kind::Monitor, monitor_json: Some(monitor_json.to_owned()), ..event(name) }
}

/// A stored event, the same in every run.
pub(crate) fn row() -> EventRow {
    EventRow {
        id: RowId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
        kind: "default".into(),
        name: "order_paid".into(),
        source: "web".into(),
        ts_ms: Some(1_700_000_000_000),
        time_ms: 1_700_000_000_500,
        received_ms: 1_700_000_001_000,
        created_day: 20_231_114,
        user_id: Some("ann".into()),
        anonymous_id: Some("anon-7".into()),
        session: Some("s1".into()),
        number: None,
        event_id: Some("order-77".into()),
        payload: PayloadId(Uuid::from_u128(7)),
        index: 1,
        properties_json: Some(
            r#"{"sum": 1.50,"who":"\u00e9","time":1,"nested":{"a":[1,2]}}"#.into(),
        ),
        context_json: Some(
            r#"{"page":"https://a.example/b","initial":{"page":"https://a.example/","referrer":"https://n.example/","utm":{"source":"y"}},"utm":{"source":"x"},"locale":"de"}"#.into(),
        ),
        monitor_json: None,
        enrichment_json: Some(r#"{"geo":{"country":"DE"}}"#.into()),
        profile_json: None,
        outdated_traits: Vec::new(),
    }
}
