//! A server's storage in a folder, the stages that use it, and everything that can be read from it.

use std::path::Path;
use std::sync::Arc;

use lamplight_server::process::enrich::Enrichers;
use lamplight_server::process::{ProcessedBatch, REPLAY_PAYLOADS_MAX, Replayer, Worker};
use lamplight_server::store::LeaseToken;
use lamplight_server::store::Outcome;
use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite::{self, OpenError};
use lamplight_server::store::{
    DeliveryAsk, DeliveryEnding, DeliveryOrder, Encoding, EventFilter, EventQuery, EventRef,
    LeaseAsk, LivePlace, NewPayload, PayloadId, PayloadMetadata, PayloadSpan, ProducerQuery,
    Reason, RefusedQuery, Route, SettledDelivery, Settlement, Storage, WorkerSlot,
};
use lamplight_server::system::clock::Clock;
use lamplight_server::system::entropy::SystemEntropy;
use lamplight_wire::Producer;
use lamplight_wire::event::Kind;
use uuid::Uuid;

pub(crate) const NOW: i64 = 1_700_000_000_000;
/// Every payload.
pub(crate) const EVERYTHING: PayloadSpan =
    PayloadSpan { first: PayloadId(Uuid::nil()), last: PayloadId(Uuid::max()) };

/// A clock that never moves.
#[derive(Clone, Copy)]
pub(crate) struct At(pub(crate) i64);

impl Clock for At {
    fn now_ms(&self) -> i64 {
        self.0
    }
}

pub(crate) struct Server {
    pub(crate) storage: Storage,
}

/// The body of the payload with this number: events with every kind of identity, some invalid, some
/// repeated, and an `identify` event.
fn body(number: i64) -> String {
    let producer = Producer::from_bits(1 + u128::from(number.unsigned_abs() % 3));
    let seq = 1 + number / 3 * 2;
    let event = |rest: &str| format!(r#"{{"name":"e{}",{rest}}}"#, number % 4);
    let events = [
        event(&format!(r#""producer":"{producer}","seq":{seq},"properties":{{"n":{number}}}"#)),
        event(&format!(r#""producer":"{producer}","seq":{}"#, seq + 1)),
        event(&format!(r#""id":"id{}","user_id":"user{}""#, number / 2, number % 5)),
        format!(r#"{{"name":"","producer":"{producer}","seq":{}}}"#, 1_000 + seq * 2),
        format!(
            r#"{{"name":"identify","user_id":"user{}","properties":{{"plan":"p{number}"}}}}"#,
            number % 5
        ),
    ];
    format!("[{}]", events.join(","))
}

impl Server {
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let limits = WriterLimits::default();
        let (only, except, types) = (Vec::new(), Vec::new(), vec![Kind::Default]);
        let route = Route { sink: "archive".into(), kind: "file", types, only, except };
        let (intake, store) = (folder.join("intake.db"), folder.join("store.db"));
        sqlite::open(&intake, &store, limits, vec![route]).map(|storage| Self { storage })
    }

    pub(crate) async fn close(self) {
        self.storage.close().await.unwrap();
    }

    /// Stages the payloads with these numbers, each received `later_ms` after its usual time.
    pub(crate) async fn stage(&self, numbers: std::ops::Range<i64>, later_ms: i64) {
        let mut staging = Vec::new();
        for number in numbers {
            let (body, received_ms) = (body(number), NOW + number * 1_000 + later_ms);
            let id = u128::try_from(received_ms).unwrap() << 80 | u128::try_from(number).unwrap();
            let metadata = PayloadMetadata {
                id: PayloadId(Uuid::from_u128(id)),
                received_ms,
                key_id: "wk_1".into(),
                source: "web".into(),
                encoding: Encoding::Identity,
                events: 5,
                unpacked_bytes: u32::try_from(body.len()).unwrap(),
                user_agent: (number % 2 == 0).then(|| "agent".into()),
                origin: None,
                client: (number % 3 == 0).then(|| "203.0.113.0/24".into()),
            };
            staging.push(self.storage.payload_queue.stage(NewPayload {
                metadata,
                body: body.into(),
                home: None,
            }));
        }
        for staged in staging {
            staged.await.unwrap();
        }
    }

    pub(crate) fn lease_ask(token: u128, now_ms: i64, payloads_max: u32) -> LeaseAsk {
        let (token, lease_ms, unpacked_bytes_max) = (LeaseToken(token), 60_000, 1 << 20);
        LeaseAsk {
            token,
            worker: WorkerSlot::ALONE,
            now_ms,
            lease_ms,
            payloads_max,
            unpacked_bytes_max,
        }
    }

    /// Processes everything that is due.
    pub(crate) async fn process(&self, now_ms: i64) {
        let worker = Worker {
            slot: WorkerSlot::ALONE,
            payload_queue: Arc::clone(&self.storage.payload_queue),
            events: Arc::clone(&self.storage.events),
            clock: Arc::new(At(now_ms)),
            entropy: Arc::new(SystemEntropy),
            metrics: Arc::default(),
            planner: Arc::new(Enrichers::default()),
        };
        while worker.round().await.unwrap() != ProcessedBatch::Empty {}
    }

    /// Finishes all replays.
    pub(crate) async fn replay(&self, now_ms: i64) {
        let replayer = Replayer {
            storage: self.storage.clone(),
            clock: Arc::new(At(now_ms)),
            payloads_max: REPLAY_PAYLOADS_MAX,
            planner: Arc::new(Enrichers::default()),
        };
        while replayer.round().await.unwrap() {}
    }

    /// Leases up to `events_max` deliveries, and ends them in each possible way in turn, or all as
    /// sent. Gives how many it leased.
    pub(crate) async fn deliver(&self, now_ms: i64, events_max: u32, all_sent: bool) -> usize {
        let ask = DeliveryAsk {
            sink: "archive".into(),
            token: LeaseToken(7),
            now_ms,
            lease_ms: 60_000,
            events_max,
            bytes_max: 1 << 30,
            order: DeliveryOrder::Shared,
        };
        let (lease, leased) = self.storage.delivery_queue.lease(ask).await.unwrap();
        assert!(leased.iter().all(|delivery| delivery.row.is_some()), "an event is gone");
        let reason = || Reason::new("refused", "no");
        let ending = |index: usize| match index % 4 {
            _ if all_sent => DeliveryEnding::Sent,
            0 => DeliveryEnding::Sent,
            1 => DeliveryEnding::RetryAt(now_ms + 5_000, reason()),
            2 => DeliveryEnding::Dead(reason()),
            _ => DeliveryEnding::Dropped(reason()),
        };
        let deliveries: Vec<_> = leased
            .iter()
            .enumerate()
            .map(|(index, it)| SettledDelivery { ticket: it.ticket, ending: ending(index) })
            .collect();
        let (count, sink) = (deliveries.len(), "archive".into());
        let settlement = Settlement { sink, lease, deliveries, condition: None, now_ms };
        self.storage.delivery_queue.settle(settlement).await.unwrap();
        count
    }

    /// Everything that can be read from `intake.db`.
    pub(crate) async fn read_intake(&self) -> Vec<String> {
        let payloads =
            self.storage.archive.payloads(EVERYTHING, None, 10_000, 1 << 30).await.unwrap();
        let mut told: Vec<_> = payloads.iter().map(|payload| format!("{payload:?}")).collect();
        told.push(format!("{:?}", self.storage.payload_queue.backlog().await.unwrap()));
        told.push(format!("{:?}", self.storage.replays.list().await.unwrap()));
        told
    }

    /// A producer's events, page by page and one by one.
    async fn read_producer(&self, producer: Producer) -> Vec<String> {
        let filter = EventFilter { producer: Some(producer), ..EventFilter::default() };
        let (mut told, mut after) = (Vec::new(), None);
        loop {
            let query = EventQuery { filter: filter.clone(), after, limit: 5 };
            let page = self.storage.reader.events(query).await.unwrap();
            for event in page.events {
                let (_, seq) = event.number.unwrap();
                let found =
                    self.storage.reader.event(EventRef::Number(producer, seq)).await.unwrap();
                told.push(format!("{event:?} {found:?}"));
            }
            after = page.next;
            if after.is_none() {
                assert!(told.len() > 10, "{} events in three pages", told.len());
                return told;
            }
        }
    }

    /// Everything that can be read from `store.db` and the files of events, as far as a schema of
    /// that version has it.
    pub(crate) async fn read_store(&self, version: usize) -> Vec<String> {
        let mut told = vec![format!("{:?}", self.storage.reader.totals(NOW).await.unwrap())];
        for mut key in self.storage.keys.list().await.unwrap() {
            if version < 2 {
                key.rules = lamplight_server::store::KeyRules::default();
            }
            told.push(format!("{key:?}"));
        }
        let filter = EventFilter::default();
        let query = EventQuery { filter, after: None, limit: 10_000 };
        for event in self.storage.reader.events(query).await.unwrap().events {
            let trace = self.storage.reader.event(EventRef::Row(event.id)).await.unwrap();
            told.push(format!("{trace:?}"));
            if version >= 3 {
                told.push(format!(
                    "{:?}",
                    self.storage.delivery_queue.steps(event.id).await.unwrap()
                ));
            }
        }
        for producer in (1..=3).map(Producer::from_bits) {
            told.extend(self.read_producer(producer).await);
        }
        for outcome in [Outcome::Duplicate, Outcome::Invalid] {
            let (source, producer, from_ms, to_ms, after) = (None, None, None, None, None);
            let query =
                RefusedQuery { outcome, source, producer, from_ms, to_ms, after, limit: 10_000 };
            let mut page = self.storage.reader.refused(query).await.unwrap();
            if version < 6 {
                for event in &mut page.events {
                    event.content = None;
                }
            }
            told.push(format!("{page:?}"));
        }
        told.push(format!("{:?}", self.storage.reader.sources().await.unwrap()));
        let (verdict, source, producer, after) = (None, None, None, None);
        let (after_number, limit, now_ms) = (0, 1_000, NOW);
        let query = ProducerQuery { verdict, source, producer, after_number, after, limit, now_ms };
        let producers = format!("{:?}", self.storage.reader.producers(query).await.unwrap());
        // A ledger of an earlier version counts for all sources, which only this word tells.
        told.push(producers.replace("is_shared: true", "is_shared: false"));
        if version >= 3 {
            told.push(format!("{:?}", self.storage.delivery_queue.sinks().await.unwrap()));
        }
        if version >= 4 {
            let start = LivePlace::default();
            let tail =
                self.storage.reader.live(EventFilter::default(), start, 10_000).await.unwrap();
            told.push(format!("{tail:?}"));
        }
        told
    }
}
