//! The deliver stage: one worker for each sink, which takes what is owed to it, sends it, and settles.
//!
//! Lease, send, settle. A crash between send and settle makes another attempt at the same event; sinks tell it from a
//! new one by its id, or are never tried twice ([`crate::sinks::Limits::is_at_most_once`]). Workers share nothing but
//! the store, so a sink that is down delays no other one (I6). What is in memory at a time is bounded by lanes and
//! batches (I7).

use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::metrics::throughput::Throughput;
use crate::sinks::Sink;
use crate::store::DeliveryQueue;
use crate::system::backoff::RetryPolicy;
use crate::system::clock::Clock;
use crate::system::entropy::Entropy;

mod circuit;
mod ending;
mod lane;

pub use circuit::Circuit;
pub use lane::{DeliverError, Found, Lane};

/// Delivers to one sink until it is told to stop.
pub struct Worker {
    /// The sink's name in the configuration.
    pub name: Arc<str>,
    /// The sink.
    pub sink: Arc<dyn Sink>,
    /// Where what is owed to it is kept.
    pub delivery_queue: Arc<dyn DeliveryQueue>,
    /// How often and how fast to try.
    pub retry: RetryPolicy,
    /// Keeps how fast it goes.
    pub throughput: Arc<Throughput>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes lease tokens and jitter.
    pub entropy: Arc<dyn Entropy>,
}

impl Worker {
    /// Works until `stop` holds true. Finishes what is under way before it returns; dropped, it leaves that to be
    /// leased again.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let name = Arc::clone(&self.name);
        let mut lanes = JoinSet::new();
        for lane in self.lanes() {
            lanes.spawn(lane.run(stop.clone()));
        }
        while let Some(ended) = lanes.join_next().await {
            if let Err(error) = ended {
                tracing::error!(sink = &*name, %error, "a lane ended early");
            }
        }
    }

    /// Its lanes, which share a circuit. [`Worker::run`] runs them; a simulation has each take one [`Lane::round`] at a
    /// time.
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
