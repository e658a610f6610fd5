//! The simulation: a store, the lanes of the sinks, and the receivers.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lamplight_server::config::parse_sink;
use lamplight_server::deliver::{DeliverError, DeliveredBatch, Lane, Worker};
use lamplight_server::sinks::mixpanel::Mixpanel;
use lamplight_server::sinks::webhook::Webhook;
use lamplight_server::sinks::{Sink, SinkConfig};
use lamplight_server::store::{DeliveryQueue, SinkRow, StoreError};
use lamplight_server::system::backoff::RetryPolicy;
use lamplight_server::system::clock::Clock;
use lamplight_server::system::entropy::{Entropy, EntropyError};

use crate::deliver::checked_queue::{CheckedQueue, Mutant, Shared};
use crate::deliver::clock::SimulatedClock;
use crate::deliver::event::{DEAD, METRICS, Payload, SINKS, WEBHOOK, routes};
use crate::deliver::faults::Reliability;
use crate::deliver::gates::wait;
use crate::deliver::random::SeededRandom;
use crate::deliver::receivers::{Api, Metrics};
use crate::deliver::recorder::Recorder;
use crate::store::machine::{Crash, EventStorage, Machine};

/// The time at which simulations begin.
const BEGIN_MS: i64 = 1_700_000_000_000;

/// One attempt of a lane.
type Round = Pin<Box<dyn Future<Output = Result<DeliveredBatch, DeliverError>>>>;

/// A lane, and its current round.
pub(crate) struct RunningLane {
    pub(crate) sink: &'static str,
    lane: Arc<Lane>,
    round: Option<Round>,
}

/// Random bytes from a seed.
pub(crate) struct SeededEntropy(pub(crate) Mutex<SeededRandom>);

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut random = self.0.lock().unwrap();
        for byte in bytes {
            *byte = random.bits().to_le_bytes()[0];
        }
        Ok(())
    }
}

/// The state of a simulation.
pub(crate) struct Simulation {
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) random: SeededRandom,
    pub(crate) payloads: Vec<Payload>,
    pub(crate) lanes: Vec<RunningLane>,
    /// Whether an unconfirmed call may have paused or resumed a sink.
    pub(crate) is_pause_unsure: bool,
    pub(crate) mutant: Mutant,
    /// How often a process ended.
    pub(crate) ends: u64,
    pub(crate) rounds: u64,
    /// Gates that were passed.
    pub(crate) gates: u64,
    /// The gate at which the process ends.
    crash_at: Option<u64>,
    storage: Option<EventStorage>,
    machine: Box<dyn Machine>,
}

impl Simulation {
    pub(crate) fn new(
        machine: Box<dyn Machine>,
        seed: u64,
        mutant: Mutant,
        crash_at: Option<u64>,
    ) -> Self {
        let mut random = SeededRandom::new(seed);
        let mut simulation = Self {
            shared: Arc::new(Shared::new(Recorder::new(SeededRandom::new(random.bits())))),
            clock: Arc::new(SimulatedClock::new(BEGIN_MS)),
            random,
            payloads: Vec::new(),
            lanes: Vec::new(),
            is_pause_unsure: false,
            mutant,
            ends: 0,
            rounds: 0,
            gates: 0,
            crash_at,
            storage: None,
            machine,
        };
        assert!(simulation.start(), "a new machine fails");
        simulation
    }

    pub(crate) fn storage(&self) -> &EventStorage {
        self.storage.as_ref().unwrap()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
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

    /// Runs a lane through at most `gates_max` gates, or to the end of its round.
    pub(crate) async fn go(&mut self, at: usize, gates_max: u64) {
        for _ in 0..gates_max {
            if self.ends_here() {
                return;
            }
            let Some(running) = self.lanes.get_mut(at) else { return };
            let lane = Arc::clone(&running.lane);
            let round =
                running.round.get_or_insert_with(|| Box::pin(async move { lane.round().await }));
            let ended = self.shared.gates.next(round).await;
            if ended.is_some() {
                running.round = None;
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

    /// Makes the machine fail, and the process end, after this many operations.
    pub(crate) fn fail_after(&mut self, operations: u64) {
        self.machine.fail_after(operations);
    }

    /// Kills the process, in some cases with a power cut. Another one starts on what is left.
    pub(crate) fn crash(&mut self) {
        self.lanes.clear();
        let is_kill = self.random.percent(50);
        let crash = if is_kill { Crash::Kill } else { Crash::PowerCut(self.random.bits()) };
        wait(self.machine.crash(crash));
        self.stop();
        assert!(self.start(), "a start after a crash fails");
        self.ends += 1;
    }

    /// Restarts the process. Rounds in flight are lost.
    pub(crate) fn restart(&mut self) {
        self.lanes.clear();
        self.stop();
        self.ends += 1;
        if !self.start() {
            self.crash();
        }
    }

    /// Closes storage, as a process does that ends.
    pub(crate) fn stop(&mut self) {
        if let Some(storage) = self.storage.take() {
            let _ = wait(storage.database.close());
        }
    }

    /// Starts a process. Gives false if the machine fails during that.
    fn start(&mut self) -> bool {
        match self.open() {
            Some(storage) => self.start_lanes(storage),
            None => assert!(self.machine.has_failed(), "a start fails on a machine that does not"),
        }
        self.storage.is_some()
    }

    fn open(&mut self) -> Option<EventStorage> {
        let storage = wait(self.machine.open_events(routes()))?;
        // Payloads that were not confirmed are processed again.
        for payload in self.payloads.iter_mut().filter(|payload| !payload.is_sure) {
            wait(storage.events.apply(vec![Arc::clone(&payload.first)], BEGIN_MS)).ok()?;
            payload.is_sure = true;
        }
        self.check_pauses(wait(storage.delivery_queue.sinks()).ok()?);
        Some(storage)
    }

    /// What is wrong with the data at rest.
    #[cfg(unix)]
    pub(crate) fn faults(&self) -> Vec<String> {
        wait(self.machine.faults())
    }

    fn start_lanes(&mut self, storage: EventStorage) {
        self.shared.recorder().restarted();
        let checked = Arc::new(CheckedQueue {
            delivery_queue: Arc::clone(&storage.delivery_queue),
            shared: Arc::clone(&self.shared),
            mutant: self.mutant,
            settled_first: Mutex::default(),
        });
        for sink in SINKS {
            let worker = Worker {
                name: sink.into(),
                sink: self.sink(sink),
                delivery_queue: Arc::clone(&checked) as Arc<dyn DeliveryQueue>,
                retry: retry(sink),
                metrics: Arc::default(),
                clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
                entropy: Arc::new(SeededEntropy(Mutex::new(SeededRandom::new(self.random.bits())))),
            };
            let running = |lane| RunningLane { sink, lane: Arc::new(lane), round: None };
            self.lanes.extend(worker.lanes().into_iter().map(running));
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
            let table = "kind = 'webhook'\nurl = 'http://hook.example'\nsecret = '0123456789abcdef'\n\
                         events_max = 6";
            let SinkConfig::Webhook(config) = parse_sink("hook", table).unwrap() else {
                panic!("a webhook is not a webhook")
            };
            return Arc::new(Webhook::over(&config, http).unwrap());
        }
        let table = "kind = 'mixpanel'\ntoken = 'right'\nevents_max = 6\nparallel = 2";
        let SinkConfig::Mixpanel(config) = parse_sink("panel", table).unwrap() else {
            panic!("Mixpanel is not Mixpanel")
        };
        Arc::new(Mixpanel::over(&config, http).unwrap())
    }

    /// Checks that confirmed pauses and resumes survive the process.
    fn check_pauses(&mut self, rows: Vec<SinkRow>) {
        let mut recorder = self.shared.recorder();
        for row in rows {
            let sink = SINKS.into_iter().find(|sink| *sink == row.name).unwrap();
            let (is, was) = (row.paused_ms.is_some(), recorder.paused.contains(sink));
            if is != was && !self.is_pause_unsure {
                recorder.violation(format!(
                    "{sink} is paused: {is}, and the last confirmed state is {was}"
                ));
            }
            recorder.set_paused(sink, is);
        }
        self.is_pause_unsure = false;
    }

    /// Sets how reliable that receiver is from now on.
    pub(crate) fn set_reliability(&self, sink: &'static str, reliability: Reliability) {
        self.shared.recorder().reliability.insert(sink, reliability);
    }
}

/// The dead sink never gives up, so that it loses nothing; the others do.
fn retry(sink: &str) -> RetryPolicy {
    if sink == DEAD {
        let (attempts_max, horizon_ms) = (u32::MAX, i64::MAX);
        return RetryPolicy { attempts_max, horizon_ms, ..RetryPolicy::default() };
    }
    RetryPolicy { attempts_max: 4, ..RetryPolicy::default() }
}
