//! An outage while a million events wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use lamplight_server::deliver::{DeliveredBatch, Worker};
use lamplight_server::sinks::{
    AttemptResult, BatchLimits, CheckResult, Checking, SendReport, Sending, Sink, SinkHealth,
};
use lamplight_server::store::{DeliveryQueue, EventRow, Reason};
use lamplight_server::system::backoff::RetryPolicy;
use lamplight_server::system::clock::Clock;

use super::model_queue::ModelQueue;
use super::{HOUR_MS, RECOVERY_MS, simulate};
use crate::deliver::clock::SimulatedClock;
use crate::deliver::outage::rig::BEGIN_MS;
use crate::deliver::random::SeededRandom;
use crate::deliver::simulation::SeededEntropy;

const MILLION: u128 = 1_000_000;

/// A sink that fails until a certain time, and counts requests until then.
struct DownUntil {
    until_ms: i64,
    clock: Arc<SimulatedClock>,
    probes: AtomicU64,
}

impl Sink for DownUntil {
    fn check(&self, _: i64) -> Checking<'_> {
        Box::pin(async { CheckResult::Fails("it is down".into()) })
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits { events_max: 2_000, bytes_max: 2_000_000, lanes: 1, is_at_most_once: false }
    }

    fn send(&self, events: Arc<Vec<EventRow>>, _: i64) -> Sending<'_> {
        let count = events.len();
        let report = if self.clock.now_ms() < self.until_ms {
            self.probes.fetch_add(1, Ordering::SeqCst);
            let reason = Reason::new("server_failed", "HTTP 500");
            let result = AttemptResult::failed(count, reason.clone());
            SendReport::all(count, &result, SinkHealth::Busy(reason, None))
        } else {
            SendReport::all(count, &AttemptResult::Sent, SinkHealth::Up)
        };
        Box::pin(async move { report })
    }
}

#[test]
fn a_million_waiting_events_survive_an_outage_of_days() {
    simulate(async {
        let outage_ms = 71 * HOUR_MS;
        let clock = Arc::new(SimulatedClock::new(BEGIN_MS));
        let queue = Arc::new(ModelQueue::new(MILLION));
        let until_ms = BEGIN_MS + outage_ms;
        let probes = AtomicU64::new(0);
        let sink = Arc::new(DownUntil { until_ms, clock: Arc::clone(&clock), probes });
        let worker = Worker {
            name: "s".into(),
            sink: Arc::clone(&sink) as Arc<dyn Sink>,
            delivery_queue: Arc::clone(&queue) as Arc<dyn DeliveryQueue>,
            retry: RetryPolicy::default(),
            metrics: Arc::default(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(SeededEntropy(Mutex::new(SeededRandom::new(1)))),
        };
        let lane = worker.lanes().remove(0);
        let mut is_down = true;
        while clock.now_ms() < until_ms + RECOVERY_MS {
            if is_down && clock.now_ms() >= until_ms {
                is_down = false;
                assert_eq!(queue.ended(), (0, 0));
            }
            match lane.round().await.unwrap() {
                DeliveredBatch::CircuitOpen(pause) => tokio::time::sleep(pause).await,
                DeliveredBatch::Full => {}
                _ => tokio::time::sleep(std::time::Duration::from_secs(1)).await,
            }
        }
        assert_eq!(queue.ended(), (1_000_000, 0));
        let probes = sink.probes.load(Ordering::SeqCst);
        assert!((1_000..15_000).contains(&probes), "{probes} probes in three days");
    });
}
