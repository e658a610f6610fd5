//! Processing compared with a model: every event ends exactly once, whatever arrives in whatever
//! order, and wherever processing is interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::store::machine::{Crash, Machine, on_disk};
use crate::store::memory::in_memory;
use crate::store::memory_shards::in_memory_shards;
use lamplight_server::process::enrich::Enrichers;
use lamplight_server::process::{Replayer, Worker};
use lamplight_server::store::{
    Encoding, EventFilter, EventQuery, Events, NewPayload, PayloadId, PayloadMetadata,
    PayloadQueue, PayloadSpan, WorkerSlot,
};
use lamplight_server::system::clock::Clock;
use lamplight_server::system::entropy::SystemEntropy;
use lamplight_wire::Producer;
use proptest::prelude::*;
use uuid::Uuid;

mod handling;
mod interrupted;
mod numbers;
mod panics;
#[cfg(unix)]
mod postgres;
mod steps;
mod stream;

use handling::{check_deliveries, routes};
use interrupted::{InterruptedStorage, Interruption};
use steps::{Sent, Step, step};

const EVERYTHING: PayloadSpan =
    PayloadSpan { first: PayloadId(Uuid::nil()), last: PayloadId(Uuid::max()) };

#[derive(Debug, Default)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Simulation {
    machine: Box<dyn Machine>,
    parts: Option<Arc<InterruptedStorage>>,
    clock: Arc<SetClock>,
    /// How the next crash leaves the machine.
    crash: Crash,
    payloads: u128,
    /// Payloads that were acknowledged: they are on disk (I1).
    acknowledged: BTreeMap<PayloadId, Vec<Sent>>,
    /// Payloads that were not acknowledged because of a crash: they may be on disk.
    unsure: BTreeMap<PayloadId, Vec<Sent>>,
    /// Payloads that retention may have removed once they were settled.
    may_be_pruned: BTreeSet<PayloadId>,
}

impl Simulation {
    async fn new(mut machine: Box<dyn Machine>) -> Self {
        let parts = machine.open(routes()).await.map(InterruptedStorage::over);
        let clock = Arc::new(SetClock(AtomicI64::new(1_700_000_000_000)));
        let (acknowledged, unsure) = (BTreeMap::new(), BTreeMap::new());
        let (crash, may_be_pruned) = (Crash::Kill, BTreeSet::new());
        Self { machine, parts, clock, crash, payloads: 0, acknowledged, unsure, may_be_pruned }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn parts(&self) -> &Arc<InterruptedStorage> {
        self.parts.as_ref().unwrap()
    }

    /// Returns whether the server crashed meanwhile.
    async fn take(&mut self, step: Step) -> bool {
        match step {
            Step::Send(events) => self.send(vec![events]).await,
            Step::Burst => self.send(vec![Vec::new(); 64]).await,
            Step::Round(share, at) => {
                self.parts().interrupt(at);
                // An interrupted round is an error; only what it leaves behind matters.
                let _ = self.worker(share).round().await;
                self.parts().interrupt(Interruption::Nowhere);
            }
            Step::Handle(handling) => {
                let _ = self.handle(handling).await;
            }
            Step::Replay => {
                // A crash may lose it, because it was not acknowledged.
                let _ = self.parts().storage.replays.begin(EVERYTHING, self.clock.now_ms()).await;
            }
            Step::ReplayRound(at) => {
                self.parts().interrupt(at);
                let _ = self.replayer().round().await;
                self.parts().interrupt(Interruption::Nowhere);
            }
            Step::Wait(ms) => {
                self.clock.0.fetch_add(ms, Ordering::SeqCst);
            }
            Step::Restart => self.restart().await,
            Step::CrashAfter(operations, crash) => {
                self.crash = crash;
                self.machine.fail_after(operations);
            }
            Step::BreakAfter(operations) => self.machine.break_after(operations),
        }
        let has_failed = self.machine.has_failed();
        if has_failed {
            self.recover().await;
        }
        has_failed
    }

    async fn restart(&mut self) {
        self.stop().await;
        self.parts = self.machine.open(routes()).await.map(InterruptedStorage::over);
    }

    async fn stop(&mut self) {
        if let Some(parts) = self.parts.take() {
            let _ = parts.storage.close().await;
        }
    }

    /// Starts again after a crash, without any help.
    async fn recover(&mut self) {
        self.machine.crash(self.crash).await;
        self.stop().await;
        self.parts = self.machine.open(routes()).await.map(InterruptedStorage::over);
        assert_eq!(self.machine.faults().await, [""; 0], "as the crash left it");
        for id in self.acknowledged.keys().filter(|id| !self.may_be_pruned.contains(id)) {
            let metadata = self.parts().storage.archive.metadata(*id).await.unwrap();
            assert!(metadata.is_some(), "{id} was acknowledged and is lost");
        }
        for (id, events) in std::mem::take(&mut self.unsure) {
            if self.parts().storage.archive.metadata(id).await.unwrap().is_some() {
                self.acknowledged.insert(id, events);
            }
        }
    }

    fn worker(&self, slot: WorkerSlot) -> Worker {
        Worker {
            slot,
            payload_queue: Arc::clone(self.parts()) as Arc<dyn PayloadQueue>,
            events: Arc::clone(self.parts()) as Arc<dyn Events>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Arc::new(SystemEntropy),
            metrics: Arc::default(),
            planner: Arc::new(Enrichers::default()),
        }
    }

    fn replayer(&self) -> Replayer {
        Replayer {
            storage: self.parts().wrapped(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            payloads_max: 7,
            planner: Arc::new(Enrichers::default()),
        }
    }

    /// Stages payloads, all at once.
    async fn send(&mut self, payloads: Vec<Vec<Sent>>) {
        let new: Vec<_> = payloads.into_iter().map(|events| self.payload(events)).collect();
        let parts = Arc::clone(self.parts());
        let mut staging = Vec::new();
        for (payload, events) in new {
            let id = payload.metadata.id;
            staging.push((id, events, parts.storage.payload_queue.stage(payload)));
        }
        for (id, events, staged) in staging {
            let is_staged = tokio::select! {
                biased;
                staged = staged => staged.is_ok(),
                () = self.machine.failed() => false,
            };
            let kept = if is_staged { &mut self.acknowledged } else { &mut self.unsure };
            kept.insert(id, events);
        }
    }

    fn payload(&mut self, events: Vec<Sent>) -> (NewPayload, Vec<Sent>) {
        self.payloads += 1;
        let texts: Vec<String> = events.iter().map(Sent::json).collect();
        let body = format!("[{}]", texts.join(","));
        let metadata = PayloadMetadata {
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
        let home = events.iter().find_map(|sent| match sent {
            Sent::Numbered(producer, _) => Some(Producer::from_bits(*producer)),
            Sent::Named(_) | Sent::Anonymous(_) => None,
        });
        (NewPayload { metadata, body: body.into(), home }, events)
    }

    /// Replays everything, twice: nothing changes.
    async fn replay_all(&mut self) {
        for _ in 0..2 {
            self.parts().storage.replays.begin(EVERYTHING, self.clock.now_ms()).await.unwrap();
            while self.replayer().round().await.unwrap() {}
        }
        for replay in self.parts().storage.replays.list().await.unwrap() {
            assert_eq!((replay.done.restored, replay.done.accepted), (0, 0), "{replay:?}");
        }
        let last = self.parts().storage.replays.list().await.unwrap()[0].done;
        let kept = self.parts().storage.archive.count(EVERYTHING).await.unwrap().payloads;
        assert_eq!((last.payloads, last.skipped), (kept, 0));
        let pruned = self.acknowledged.len() as u64 - kept;
        assert!(pruned <= self.may_be_pruned.len() as u64, "{pruned} are gone");
    }

    /// Everything is processed and replayed, and all of it is as the model says.
    async fn finish(&mut self) {
        self.settle_all().await;
        self.check().await;
        self.replay_all().await;
        self.check().await;
    }

    async fn settle_all(&mut self) {
        // A scheduled crash happens now.
        self.recover().await;
        self.take_back_all().await;
        for _ in 0..200 {
            if self.parts().storage.payload_queue.backlog().await.unwrap().payloads == 0 {
                return;
            }
            for share in WorkerSlot::among(2) {
                self.take(Step::Round(share, Interruption::Nowhere)).await;
            }
            self.take(Step::Wait(60_000)).await;
        }
        let backlog = self.parts().storage.payload_queue.backlog().await.unwrap();
        panic!("work is left: {backlog:?}");
    }

    async fn check(&self) {
        let arrived: Vec<Sent> = self.acknowledged.values().flatten().cloned().collect();
        let named: BTreeSet<&Sent> =
            arrived.iter().filter(|sent| !matches!(sent, Sent::Anonymous(_))).collect();
        let anonymous: Vec<&Sent> =
            arrived.iter().filter(|sent| matches!(sent, Sent::Anonymous(_))).collect();
        let first: Vec<&Sent> = named.iter().copied().chain(anonymous).collect();
        let good = first.iter().filter(|sent| sent.is_good()).count();
        // An invalid event does not use its client id up, so it is invalid every time it arrives.
        let is_bad_name = |sent: &Sent| matches!(sent, Sent::Named(_)) && !sent.is_good();
        let bad_again = arrived.iter().filter(|sent| is_bad_name(sent)).count()
            - named.iter().filter(|sent| is_bad_name(sent)).count();
        let totals = self.parts().storage.reader.totals(self.clock.now_ms()).await.unwrap();
        assert_eq!(totals.stored, good as u64);
        assert_eq!(totals.invalid, (first.len() - good + bad_again) as u64);
        assert_eq!(totals.duplicates, (arrived.len() - first.len() - bad_again) as u64);
        assert_eq!(totals.received, arrived.len() as u64);
        let holes = totals.in_flight + totals.declared + totals.lost;
        assert_eq!(totals.made, totals.stored + totals.invalid + holes);
        assert_eq!(holes, holes_of(&named));

        let query = EventQuery { filter: EventFilter::default(), after: None, limit: 100_000 };
        let mut rows: BTreeMap<Sent, u32> = BTreeMap::new();
        for event in self.parts().storage.reader.events(query).await.unwrap().events {
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
        assert_eq!(rows, want, "exactly one row for each valid event");
        assert_eq!(self.machine.faults().await, [""; 0]);
        numbers::check(&*self.parts().storage.reader, &named).await;
        check_deliveries(&*self.parts().storage.delivery_queue, good as u64).await;
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

/// The number in an environment variable, or the default.
pub(crate) fn from_env(name: &str, usual: u32) -> u32 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

fn run(machine: Box<dyn Machine>, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut simulation = Simulation::new(machine).await;
        for step in steps {
            simulation.take(step).await;
        }
        simulation.finish().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: from_env("LAMPLIGHT_POWER_CUTS", 48),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_event_ends_exactly_once_wherever_processing_is_interrupted(
        steps in prop::collection::vec(step(), 1..25),
    ) {
        run(on_disk(), steps);
    }

    #[test]
    fn every_event_ends_exactly_once_in_memory(
        steps in prop::collection::vec(step(), 1..25),
    ) {
        run(in_memory(), steps);
    }

    #[test]
    fn every_event_ends_exactly_once_in_databases_of_which_one_may_be_down(
        steps in prop::collection::vec(step(), 1..25),
    ) {
        run(in_memory_shards(), steps);
    }
}

/// After a crash the log of a file may exist while the file does not: SQLite syncs the folder
/// anyway.
#[test]
fn a_file_that_a_power_cut_left_half_created_exists_after_the_next_one() {
    let first = vec![Sent::Numbered(1, 1)];
    for seed in 0..32 {
        run(
            on_disk(),
            vec![
                Step::Send(first.clone()),
                Step::CrashAfter(10, Crash::PowerCut(seed)),
                Step::Round(WorkerSlot::ALONE, Interruption::AfterApply),
                Step::Round(WorkerSlot::ALONE, Interruption::Nowhere),
            ],
        );
    }
}

/// Also between the commits of the two files: rows that do not count are removed with their runs,
/// or the next attempt could not write them.
#[test]
fn rows_and_runs_agree_after_a_crash_at_any_operation_of_a_commit() {
    let numbers = |range: std::ops::Range<u64>| range.map(|seq| Sent::Numbered(1, seq)).collect();
    for operation in 0..24 {
        for crash in [Crash::Kill, Crash::PowerCut(operation)] {
            run(
                on_disk(),
                vec![
                    Step::Send(numbers(1..4)),
                    Step::Round(WorkerSlot::ALONE, Interruption::Nowhere),
                    Step::Send(numbers(4..9)),
                    Step::CrashAfter(operation, crash),
                    Step::Round(WorkerSlot::ALONE, Interruption::Nowhere),
                ],
            );
        }
    }
}
