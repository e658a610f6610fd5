//! The deliver stage: one worker for each sink leases what is owed to it, sends it, and settles.
//!
//! A crash between send and settle causes another attempt at the same event. Sinks recognize it by
//! its id, or are never tried twice ([`crate::sinks::BatchLimits::is_at_most_once`]). Workers share
//! only the store, so a sink that is down delays no other one (I6). The number of lanes and the
//! size of batches limit what is in memory (I7).

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::metrics::sink::SinkMetrics;
use crate::sinks::Sink;
use crate::store::DeliveryQueue;
use crate::system::backoff::RetryPolicy;
use crate::system::clock::Clock;
use crate::system::entropy::Entropy;

mod circuit;
mod ending;
mod lane;

pub use circuit::Circuit;
pub use lane::{DeliverError, DeliveredBatch, Lane};

/// Delivers to one sink.
pub struct Worker {
    /// The sink's name in the configuration.
    pub name: Arc<str>,
    /// The sink.
    pub sink: Arc<dyn Sink>,
    /// Where what is owed to it is kept.
    pub delivery_queue: Arc<dyn DeliveryQueue>,
    /// How often and how fast to try.
    pub retry: RetryPolicy,
    /// Counts how attempts end, and how fast it goes.
    pub metrics: Arc<SinkMetrics>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes lease tokens and jitter.
    pub entropy: Arc<dyn Entropy>,
}

impl Worker {
    /// Its lanes, which share a circuit breaker. Each works until it is told to stop.
    pub fn lanes(self) -> Vec<Lane> {
        let limits = self.sink.limits();
        let circuit = Arc::new(Mutex::new(Circuit::new(self.retry, limits.events_max)));
        let (worker, more) = (Arc::new(self), Arc::new(Notify::new()));
        let lane = |number| Lane {
            worker: Arc::clone(&worker),
            limits,
            circuit: Arc::clone(&circuit),
            more: Arc::clone(&more),
            is_first: number == 0,
        };
        (0..limits.lanes.max(1)).map(lane).collect()
    }
}
