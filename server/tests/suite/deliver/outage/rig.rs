//! A store, the lane of a webhook and its receiver, in virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lamplight_server::config::parse_sink;
use lamplight_server::deliver::{DeliveredBatch, Lane, Worker};
use lamplight_server::process::row_id;
use lamplight_server::sinks::SinkConfig;
use lamplight_server::sinks::webhook::Webhook;
use lamplight_server::store::{
    DeliveryStep, EventColumns, EventIdentity, PayloadId, Plan, PlannedEvent, PlannedOutcome,
    RetryAsk, Route, RowId, SinkRow,
};
use lamplight_server::system::backoff::RetryPolicy;
use lamplight_server::system::clock::Clock;
use lamplight_server::system::entropy::Entropy;
use lamplight_wire::event::Kind;
use uuid::Uuid;

use crate::deliver::clock::SimulatedClock;
use crate::deliver::gates::wait;
use crate::deliver::outage::receiver::Receiver;
use crate::deliver::random::SeededRandom;
use crate::deliver::simulation::SeededEntropy;
use crate::store::machine::{Crash, EventStorage, Machine};

pub(crate) const BEGIN_MS: i64 = 1_700_000_000_000;
const SINK: &str = "hook";

/// The server of a simulation.
pub(crate) struct OutageRig {
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) receiver: Arc<Receiver>,
    /// How long to wait when nothing is due.
    pub(crate) poll_ms: u64,
    machine: Box<dyn Machine>,
    storage: Option<EventStorage>,
    lane: Option<Lane>,
    random: SeededRandom,
    payloads: u128,
}

impl OutageRig {
    pub(crate) fn new(machine: Box<dyn Machine>, seed: u64) -> Self {
        let mut random = SeededRandom::new(seed);
        let clock = Arc::new(SimulatedClock::new(BEGIN_MS));
        let receiver = Arc::new(Receiver::new(Arc::clone(&clock), random.bits()));
        let (storage, lane, payloads) = (None, None, 0);
        let poll_ms = 1_000;
        let mut rig = Self { clock, receiver, poll_ms, machine, storage, lane, random, payloads };
        rig.start();
        rig
    }

    fn start(&mut self) {
        let (only, except) = (Vec::new(), Vec::new());
        let types = vec![Kind::Default];
        let route = Route { sink: SINK.into(), kind: "webhook", types, only, except };
        let storage = wait(self.machine.open_events(vec![route])).unwrap();
        let table = "kind = 'webhook'\nurl = 'http://hook.example'\nsecret = '0123456789abcdef'";
        let SinkConfig::Webhook(config) = parse_sink(SINK, table).unwrap() else {
            panic!("a webhook is not a webhook")
        };
        let http = Arc::clone(&self.receiver);
        let random = SeededRandom::new(self.random.bits());
        let worker = Worker {
            name: SINK.into(),
            sink: Arc::new(Webhook::over(&config, http).unwrap()),
            delivery_queue: Arc::clone(&storage.delivery_queue),
            retry: RetryPolicy::default(),
            metrics: Arc::default(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Arc::new(SeededEntropy(Mutex::new(random))) as Arc<dyn Entropy>,
        };
        self.lane = worker.lanes().pop();
        self.storage = Some(storage);
    }

    /// Ends the process, and starts another one on what it left.
    pub(crate) async fn restart(&mut self) {
        self.lane = None;
        if let Some(storage) = self.storage.take() {
            storage.database.close().await.unwrap();
        }
        wait(self.machine.crash(Crash::Kill));
        self.start();
    }

    fn storage(&self) -> &EventStorage {
        self.storage.as_ref().unwrap()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Stores events with these names.
    pub(crate) async fn add(&mut self, names: &[&str]) -> Vec<RowId> {
        self.payloads += 1;
        let now_ms = self.now_ms();
        let time = u128::try_from(now_ms).unwrap() << 80;
        let payload = PayloadId(Uuid::from_u128(time | self.payloads));
        let events = (0..).zip(names).map(|(index, name)| PlannedEvent {
            id: row_id(payload, now_ms, index),
            index,
            identity: EventIdentity::Anonymous,
            outcome: PlannedOutcome::Store(Box::new(columns(name, now_ms))),
        });
        let plan = Plan {
            payload,
            received_ms: now_ms,
            created_day: 20_231_114,
            source: "web".into(),
            is_secret: false,
            attempt: 1,
            notes: Vec::new(),
            events: events.collect(),
        };
        let ids = plan.events.iter().map(|event| event.id).collect();
        self.storage().events.apply(vec![Arc::new(plan)], now_ms).await.unwrap();
        ids
    }

    /// Delivers for this long.
    pub(crate) async fn run(&mut self, ms: i64) {
        let until_ms = self.now_ms() + ms;
        while self.now_ms() < until_ms {
            let pause = match self.lane.as_ref().unwrap().round().await.unwrap() {
                DeliveredBatch::Full => continue,
                DeliveredBatch::Partial => Duration::from_millis(200),
                DeliveredBatch::Empty => Duration::from_millis(self.poll_ms),
                DeliveredBatch::CircuitOpen(pause) => pause,
            };
            let left = u64::try_from((until_ms - self.now_ms()).max(0)).unwrap();
            tokio::time::sleep(pause.min(Duration::from_millis(left))).await;
        }
    }

    /// Lets time pass while no process runs, or nothing is delivered.
    pub(crate) async fn wait(&self, ms: i64) {
        tokio::time::advance(Duration::from_millis(u64::try_from(ms).unwrap())).await;
    }

    pub(crate) async fn pause(&self, pause: bool) {
        let queue = &self.storage().delivery_queue;
        assert!(queue.pause_sink(SINK.into(), pause, self.now_ms()).await.unwrap());
    }

    pub(crate) async fn row(&self) -> SinkRow {
        self.storage().delivery_queue.sinks().await.unwrap().remove(0)
    }

    /// How many deliveries wait, and how many were sent and given up.
    pub(crate) async fn counts(&self) -> (u64, u64, u64) {
        let row = self.row().await;
        (row.waiting, row.sent, row.dead)
    }

    pub(crate) async fn steps(&self, event: RowId) -> Vec<DeliveryStep> {
        self.storage().delivery_queue.steps(event).await.unwrap()
    }

    pub(crate) async fn retry_dead(&self) -> u64 {
        let ask = RetryAsk { now_ms: self.now_ms(), ..RetryAsk::default() };
        self.storage().delivery_queue.retry_dead(ask).await.unwrap().count
    }

    /// Sets the receiver down from now on, for this long.
    pub(crate) fn set_down(&self, ms: i64) {
        self.receiver.received().down.push(self.now_ms()..self.now_ms() + ms);
    }
}

fn columns(name: &str, now_ms: i64) -> EventColumns {
    EventColumns {
        kind: Kind::Default,
        name: name.to_owned(),
        ts_ms: None,
        time_ms: now_ms,
        user_id: None,
        anonymous_id: None,
        session: None,
        properties_json: None,
        context_json: None,
        monitor_json: None,
        enrichment_json: None,
    }
}
