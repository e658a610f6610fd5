//! A store, workers at their lanes, receivers, and what happens to them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lamplight_server::deliver::{DeliverError, DeliveredBatch, Lane, Worker};
use lamplight_server::sinks::Sink;
use lamplight_server::sinks::mixpanel::Mixpanel;
use lamplight_server::sinks::webhook::Webhook;
use lamplight_server::store::{DeliveryQueue, SinkRow, StoreError};
use lamplight_server::system::backoff::RetryPolicy;
use lamplight_server::system::clock::Clock;
use lamplight_server::system::entropy::{Entropy, EntropyError};

use crate::deliver::chance::Chance;
use crate::deliver::clock::Wall;
use crate::deliver::event::{DEAD, METRICS, Payload, SINKS, WEBHOOK, routes};
use crate::deliver::gates::wait;
use crate::deliver::receivers::{Api, Metrics};
use crate::deliver::watched::{Mutant, Shared, Watched};
use crate::deliver::weather::Weather;
use crate::deliver::witness::Witness;
use crate::store::machine::{Crash, EventStorage, Machine};

/// When worlds begin.
const BEGIN_MS: i64 = 1_700_000_000_000;

/// One attempt of a lane.
type Round = Pin<Box<dyn Future<Output = Result<DeliveredBatch, DeliverError>>>>;

/// A lane, and the round that it is in.
pub(crate) struct Post {
    pub(crate) sink: &'static str,
    lane: Arc<Lane>,
    round: Option<Round>,
}

/// Randomness from a seed.
struct Seeded(Mutex<Chance>);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut chance = self.0.lock().unwrap();
        for byte in bytes {
            *byte = chance.bits().to_le_bytes()[0];
        }
        Ok(())
    }
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) shared: Arc<Shared>,
    pub(crate) wall: Arc<Wall>,
    pub(crate) chance: Chance,
    pub(crate) payloads: Vec<Payload>,
    pub(crate) posts: Vec<Post>,
    /// Whether a call may have paused or resumed a sink and did not say so.
    pub(crate) is_pause_unsure: bool,
    pub(crate) mutant: Mutant,
    /// How often a process ended.
    pub(crate) ends: u64,
    pub(crate) rounds: u64,
    /// Gates that were passed.
    pub(crate) gates: u64,
    /// At which gate the process ends.
    crash_at: Option<u64>,
    storage: Option<EventStorage>,
    machine: Box<dyn Machine>,
}

impl World {
    pub(crate) fn new(
        machine: Box<dyn Machine>,
        seed: u64,
        mutant: Mutant,
        crash_at: Option<u64>,
    ) -> Self {
        let mut chance = Chance::new(seed);
        let mut world = Self {
            shared: Arc::new(Shared::new(Witness::new(Chance::new(chance.bits())))),
            wall: Arc::new(Wall::new(BEGIN_MS)),
            chance,
            payloads: Vec::new(),
            posts: Vec::new(),
            is_pause_unsure: false,
            mutant,
            ends: 0,
            rounds: 0,
            gates: 0,
            crash_at,
            storage: None,
            machine,
        };
        assert!(world.start(), "a new machine fails");
        world
    }

    pub(crate) fn storage(&self) -> &EventStorage {
        self.storage.as_ref().unwrap()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.wall.now_ms()
    }

    pub(crate) async fn sleep(&self, ms: u64) {
        tokio::time::advance(Duration::from_millis(ms)).await;
    }

    /// Passes a gate and calls the store. `None` when it failed or the process ended.
    pub(crate) fn call<T>(
        &mut self,
        call: impl FnOnce(&EventStorage) -> Result<T, StoreError>,
    ) -> Option<T> {
        if self.ends_here() {
            return None;
        }
        let storage = self.storage().clone();
        match call(&storage) {
            Ok(value) => Some(value),
            Err(error) => {
                assert!(self.machine.has_failed(), "{error:?}");
                self.crash();
                None
            }
        }
    }

    /// Lets a lane go through so many gates, or to the end of its round.
    pub(crate) async fn go(&mut self, at: usize, gates_max: u64) {
        for _ in 0..gates_max {
            if self.ends_here() {
                return;
            }
            let Some(post) = self.posts.get_mut(at) else { return };
            let lane = Arc::clone(&post.lane);
            let round =
                post.round.get_or_insert_with(|| Box::pin(async move { lane.round().await }));
            let ended = self.shared.gates.next(round).await;
            if ended.is_some() {
                post.round = None;
                self.rounds += 1;
            }
            if self.machine.has_failed() {
                return self.crash();
            }
            if ended.is_some() {
                return;
            }
        }
    }

    /// Passes a gate. Gives whether the process ended there.
    pub(crate) fn ends_here(&mut self) -> bool {
        self.gates += 1;
        let ends = self.crash_at == Some(self.gates) || self.machine.has_failed();
        if ends {
            self.crash();
        }
        ends
    }

    /// The machine fails after so many operations, and with it the process ends.
    pub(crate) fn fail_after(&mut self, operations: u64) {
        self.machine.fail_after(operations);
    }

    /// The process ends, and with it, in some cases, the power. Another starts on what is left.
    pub(crate) fn crash(&mut self) {
        self.posts.clear();
        let is_kill = self.chance.percent(50);
        self.machine.crash(if is_kill { Crash::Kill } else { Crash::PowerCut(self.chance.bits()) });
        self.stop();
        assert!(self.start(), "what a crash left needs a person");
        self.ends += 1;
    }

    /// The process is asked to end, which takes what is under way with it. Another starts.
    pub(crate) fn restart(&mut self) {
        self.posts.clear();
        self.stop();
        self.ends += 1;
        if !self.start() {
            self.crash();
        }
    }

    fn stop(&mut self) {
        if let Some(storage) = self.storage.take() {
            let _ = wait(storage.database.close());
        }
    }

    /// Starts a process. Gives false if the machine fails meanwhile.
    fn start(&mut self) -> bool {
        match self.open() {
            Some(storage) => self.employ(storage),
            None => assert!(self.machine.has_failed(), "a start fails on a machine that does not"),
        }
        self.storage.is_some()
    }

    fn open(&mut self) -> Option<EventStorage> {
        let storage = self.machine.open_events(routes())?;
        // What was not answered is processed again.
        for payload in self.payloads.iter_mut().filter(|payload| !payload.is_sure) {
            wait(storage.events.apply(vec![Arc::clone(&payload.first)], BEGIN_MS)).ok()?;
            payload.is_sure = true;
        }
        self.check_pauses(wait(storage.delivery_queue.sinks()).ok()?);
        Some(storage)
    }

    fn employ(&mut self, storage: EventStorage) {
        self.shared.witness().restarted();
        let watched = Arc::new(Watched {
            delivery_queue: Arc::clone(&storage.delivery_queue),
            shared: Arc::clone(&self.shared),
            mutant: self.mutant,
            settled_first: Mutex::default(),
        });
        for sink in SINKS {
            let worker = Worker {
                name: sink.into(),
                sink: self.sink(sink),
                delivery_queue: Arc::clone(&watched) as Arc<dyn DeliveryQueue>,
                retry: retry(sink),
                throughput: Arc::default(),
                clock: Arc::clone(&self.wall) as Arc<dyn Clock>,
                entropy: Arc::new(Seeded(Mutex::new(Chance::new(self.chance.bits())))),
            };
            let post = |lane| Post { sink, lane: Arc::new(lane), round: None };
            self.posts.extend(worker.lanes().into_iter().map(post));
        }
        self.storage = Some(storage);
    }

    fn sink(&self, sink: &'static str) -> Arc<dyn Sink> {
        let shared = Arc::clone(&self.shared);
        if sink == METRICS {
            return Arc::new(Metrics(shared));
        }
        let http = Arc::new(Api { sink, shared });
        if sink == WEBHOOK {
            let table = "url = 'http://hook.example'\nsecret = '0123456789abcdef'\nevents_max = 6";
            return Arc::new(Webhook::over(&toml::from_str(table).unwrap(), http).unwrap());
        }
        let table = "token = 'right'\nevents_max = 6\nparallel = 2";
        Arc::new(Mixpanel::over(&toml::from_str(table).unwrap(), http).unwrap())
    }

    /// A pause that was answered outlives the process; so does its end.
    fn check_pauses(&mut self, rows: Vec<SinkRow>) {
        let mut witness = self.shared.witness();
        for row in rows {
            let sink = SINKS.into_iter().find(|sink| *sink == row.name).unwrap();
            let (is, was) = (row.paused_ms.is_some(), witness.paused.contains(sink));
            if is != was && !self.is_pause_unsure {
                witness.fault(format!("{sink} is paused: {is}, and a person was told: {was}"));
            }
            witness.set_paused(sink, is);
        }
        self.is_pause_unsure = false;
    }

    /// From here on that receiver fares so.
    pub(crate) fn set_weather(&self, sink: &'static str, weather: Weather) {
        self.shared.witness().weather.insert(sink, weather);
    }
}

/// The dead sink would lose what is owed to it otherwise; the others give some up.
fn retry(sink: &str) -> RetryPolicy {
    if sink == DEAD {
        let (attempts_max, horizon_ms) = (u32::MAX, i64::MAX);
        return RetryPolicy { attempts_max, horizon_ms, ..RetryPolicy::default() };
    }
    RetryPolicy { attempts_max: 4, ..RetryPolicy::default() }
}
