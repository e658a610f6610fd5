//! Processing against a model: whatever arrives in whatever order, and wherever processing breaks off, every
//! event ends exactly once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say so")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use lamplight_server::clock::Clock;
use lamplight_server::entropy::SystemEntropy;
use lamplight_server::process::Worker;
use lamplight_server::store::{
    Encoding, EventFilter, EventQuery, Intake, NewPayload, PayloadId, Receipt, Store,
};
use lamplight_wire::Producer;
use proptest::prelude::*;
use uuid::Uuid;

mod breaking;

use breaking::{Break, Breaking};

/// An event as a client may send it. Whether it can be stored depends on what it is called alone, so that the
/// model need not know which arrival came first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Sent {
    Numbered(u128, u64),
    Named(u8),
    Anonymous(bool),
}

impl Sent {
    fn is_good(&self) -> bool {
        match self {
            Self::Numbered(_, seq) => seq % 5 != 0,
            Self::Named(name) => name % 4 != 0,
            Self::Anonymous(is_good) => *is_good,
        }
    }

    fn json(&self) -> String {
        let name = if self.is_good() { "e" } else { "" };
        match self {
            Self::Numbered(producer, seq) => {
                let producer = Producer::from_bits(*producer);
                format!(r#"{{"name":"{name}","producer":"{producer}","seq":{seq}}}"#)
            }
            Self::Named(id) => format!(r#"{{"name":"{name}","id":"id{id}"}}"#),
            Self::Anonymous(_) => format!(r#"{{"name":"{name}"}}"#),
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<Sent>),
    Round(Break),
    Wait(i64),
    Restart,
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        6 => (1u128..4, 1u64..15).prop_map(|(producer, seq)| Sent::Numbered(producer, seq)),
        2 => (0u8..8).prop_map(Sent::Named),
        1 => any::<bool>().prop_map(Sent::Anonymous),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let broken = prop_oneof![
        2 => Just(Break::Nowhere),
        1 => Just(Break::BeforeApply),
        2 => Just(Break::AfterApply),
        1 => Just(Break::BeforeSettle),
        1 => Just(Break::AfterSettle),
    ];
    prop_oneof![
        4 => prop::collection::vec(sent(), 0..8).prop_map(Step::Send),
        4 => broken.prop_map(Step::Round),
        2 => (0i64..90_000).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

#[derive(Debug, Default)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct World {
    dir: tempfile::TempDir,
    parts: Arc<Breaking>,
    clock: Arc<SetClock>,
    arrived: Mutex<Vec<Sent>>,
    payloads: u128,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let parts = Breaking::open(&dir);
        let clock = Arc::new(SetClock(AtomicI64::new(1_700_000_000_000)));
        Self { dir, parts, clock, arrived: Mutex::default(), payloads: 0 }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Send(events) => self.send(events).await,
            Step::Round(at) => {
                self.parts.break_off(at);
                // A round that breaks off says so; what matters is what it left behind.
                let _ = self.worker().round().await;
                self.parts.break_off(Break::Nowhere);
            }
            Step::Wait(ms) => {
                self.clock.0.fetch_add(ms, Ordering::SeqCst);
            }
            Step::Restart => {
                self.parts.intake.close().await.unwrap();
                self.parts.store.close().await.unwrap();
                self.parts = Breaking::open(&self.dir);
            }
        }
    }

    fn worker(&self) -> Worker {
        Worker {
            intake: Arc::clone(&self.parts) as Arc<dyn Intake>,
            store: Arc::clone(&self.parts) as Arc<dyn Store>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Arc::new(SystemEntropy),
        }
    }

    async fn send(&mut self, events: Vec<Sent>) {
        self.payloads += 1;
        let texts: Vec<String> = events.iter().map(Sent::json).collect();
        let body = format!("[{}]", texts.join(","));
        let receipt = Receipt {
            id: PayloadId(Uuid::from_u128(self.payloads)),
            received_ms: self.clock.now_ms(),
            key_id: "wk_1".into(),
            source: "web".into(),
            encoding: Encoding::Identity,
            events: u32::try_from(events.len()).unwrap(),
            unpacked_bytes: u32::try_from(body.len()).unwrap(),
            user_agent: None,
            origin: None,
            client: None,
        };
        self.parts.intake.stage(NewPayload { receipt, body: body.into() }).await.unwrap();
        self.arrived.lock().unwrap().extend(events);
    }

    async fn settle_all(&mut self) {
        for _ in 0..200 {
            if self.parts.intake.backlog().await.unwrap().payloads == 0 {
                return;
            }
            self.take(Step::Round(Break::Nowhere)).await;
            self.take(Step::Wait(60_000)).await;
        }
        panic!("work is left that nothing finishes");
    }

    async fn check(&self) {
        let arrived = self.arrived.lock().unwrap().clone();
        let named: BTreeSet<&Sent> =
            arrived.iter().filter(|sent| !matches!(sent, Sent::Anonymous(_))).collect();
        let anonymous: Vec<&Sent> =
            arrived.iter().filter(|sent| matches!(sent, Sent::Anonymous(_))).collect();
        let first: Vec<&Sent> = named.iter().copied().chain(anonymous).collect();
        let good = first.iter().filter(|sent| sent.is_good()).count();
        let totals = self.parts.store.totals(self.clock.now_ms()).await.unwrap();
        assert_eq!(totals.stored, good as u64);
        assert_eq!(totals.invalid, (first.len() - good) as u64);
        assert_eq!(totals.duplicates, (arrived.len() - first.len()) as u64);
        assert_eq!(totals.received, arrived.len() as u64);
        let holes = totals.in_flight + totals.declared + totals.lost;
        assert_eq!(totals.made, totals.stored + totals.invalid + holes);
        assert_eq!(holes, holes_of(&named));

        let query = EventQuery { filter: EventFilter::default(), after: None, limit: 100_000 };
        let mut rows: BTreeMap<Sent, u32> = BTreeMap::new();
        for event in self.parts.store.events(query).await.unwrap().events {
            let sent = match (event.number, event.event_id) {
                (Some((producer, seq)), _) => Sent::Numbered(producer.bits(), seq),
                (None, Some(id)) => Sent::Named(id.trim_start_matches("id").parse().unwrap()),
                (None, None) => Sent::Anonymous(true),
            };
            *rows.entry(sent).or_default() += 1;
        }
        let mut want: BTreeMap<Sent, u32> = BTreeMap::new();
        for sent in first.into_iter().filter(|sent| sent.is_good()) {
            *want.entry(sent.clone()).or_default() += 1;
        }
        assert_eq!(rows, want, "exactly one row for each that can be stored");
    }
}

fn holes_of(named: &BTreeSet<&Sent>) -> u64 {
    let mut seqs: BTreeMap<u128, (u64, u64)> = BTreeMap::new();
    for sent in named {
        if let Sent::Numbered(producer, seq) = sent {
            let (last, count) = seqs.entry(*producer).or_default();
            (*last, *count) = ((*last).max(*seq), *count + 1);
        }
    }
    seqs.values().map(|(last, count)| last - count).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_event_ends_exactly_once_wherever_processing_breaks_off(
        steps in prop::collection::vec(step(), 1..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for step in steps {
                world.take(step).await;
            }
            world.settle_all().await;
            world.check().await;
        });
    }
}
