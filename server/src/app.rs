//! What every request can reach.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::{Semaphore, watch};

use crate::intake::{Clients, IntakeLimits};
use crate::keys::keyring::Keyring;
use crate::metrics::in_flight::InFlight;
use crate::metrics::throughput::Throughput;
use crate::store::Storage;
use crate::system::clock::Clock;
use crate::system::disk_space::DiskSpace;
use crate::system::entropy::Entropy;

/// The throughput of each sink, by its name.
pub type SinkThroughputs = HashMap<Arc<str>, Arc<Throughput>>;

/// What every request can reach.
pub struct App {
    /// Everything that is stored.
    pub storage: Storage,
    /// Who may do what.
    pub keyring: Keyring,
    /// Limits that all requests to intake share.
    pub intake_limits: IntakeLimits,
    /// Where events come from, and what is kept of that.
    pub clients: Clients,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes names and keys.
    pub entropy: Arc<dyn Entropy>,
    /// How fast payloads are taken.
    pub intake_throughput: Throughput,
    /// How fast they are processed.
    pub process_throughput: Arc<Throughput>,
    /// How fast each sink takes what is owed to it.
    pub sink_throughputs: SinkThroughputs,
    /// Requests that wait for their payload to be on disk.
    pub intake_in_flight: InFlight,
    /// How many follow the live view.
    pub live_places: Arc<Semaphore>,
    /// The room on the disk.
    pub disk: Arc<DiskSpace>,
    /// When the process will be gone, in milliseconds since 1970; 0 until it was asked to stop.
    gone_ms: AtomicI64,
    draining: watch::Sender<bool>,
}

/// Most clients that follow the live view at a time.
const LIVE_CLIENTS_MAX: usize = 64;

impl App {
    /// An app over these parts.
    #[allow(clippy::too_many_arguments, reason = "the parts of a server, each once, at its start")]
    pub fn new(
        storage: Storage,
        sink_throughputs: SinkThroughputs,
        keyring: Keyring,
        clients: Clients,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        disk: Arc<DiskSpace>,
    ) -> Self {
        let intake_limits = IntakeLimits::default();
        let gone_ms = AtomicI64::new(0);
        Self {
            storage,
            keyring,
            intake_limits,
            clients,
            clock,
            entropy,
            intake_throughput: Throughput::default(),
            process_throughput: Arc::default(),
            sink_throughputs,
            intake_in_flight: InFlight::default(),
            live_places: Arc::new(Semaphore::new(LIVE_CLIENTS_MAX)),
            disk,
            gone_ms,
            draining: watch::Sender::new(false),
        }
    }

    /// From here on no payload is taken; in `grace_ms` the process is gone.
    pub fn drain(&self, grace_ms: i64) {
        let gone_ms = self.clock.now_ms().saturating_add(grace_ms).max(1);
        self.gone_ms.store(gone_ms, Ordering::Release);
        self.draining.send_replace(true);
    }

    /// Turns true when the server is asked to stop: what would go on for ever ends then.
    pub fn draining(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    /// Whether the server is shutting down.
    pub fn is_draining(&self) -> bool {
        self.gone_ms.load(Ordering::Acquire) != 0
    }

    /// When a client may try again, if the server is shutting down: once this process is gone and another may run.
    pub fn drained_retry_after_s(&self) -> Option<u32> {
        let gone_ms = self.gone_ms.load(Ordering::Acquire);
        let left_ms = gone_ms.saturating_sub(self.clock.now_ms());
        (gone_ms != 0).then(|| u32::try_from(left_ms.div_euclid(1_000) + 1).unwrap_or(1).max(1))
    }
}
