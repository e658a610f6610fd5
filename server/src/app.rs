//! What every request can reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::intake::IntakeLimits;
use crate::keyring::Keyring;
use crate::store::{Deliveries, Intake, Store};

/// What every request can reach.
pub struct App {
    /// Raw payloads.
    pub intake: Arc<dyn Intake>,
    /// What came of them.
    pub store: Arc<dyn Store>,
    /// What is owed to sinks.
    pub deliveries: Arc<dyn Deliveries>,
    /// Who may do what.
    pub keyring: Keyring,
    /// Limits that all requests to intake share.
    pub intake_limits: IntakeLimits,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes names and keys.
    pub entropy: Arc<dyn Entropy>,
    draining: AtomicBool,
}

impl App {
    /// An app over these parts.
    pub fn new(
        intake: Arc<dyn Intake>,
        store: Arc<dyn Store>,
        deliveries: Arc<dyn Deliveries>,
        keyring: Keyring,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let intake_limits = IntakeLimits::default();
        let draining = AtomicBool::new(false);
        Self { intake, store, deliveries, keyring, intake_limits, clock, entropy, draining }
    }

    /// From here on no payload is taken.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the server is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}
