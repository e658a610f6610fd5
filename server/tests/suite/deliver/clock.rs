//! One clock for everything: the runtime's paused clock, and a wall clock over it that may jump.

use std::sync::atomic::{AtomicI64, Ordering};

use lamplight_server::system::clock::Clock;
use tokio::time::Instant;

/// A wall clock over the runtime's paused clock.
#[derive(Debug)]
pub(crate) struct SimulatedClock {
    begun: Instant,
    begun_ms: AtomicI64,
}

impl SimulatedClock {
    pub(crate) fn new(now_ms: i64) -> Self {
        Self { begun: Instant::now(), begun_ms: AtomicI64::new(now_ms) }
    }

    /// Sets the clock forward or back.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.begun_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now_ms(&self) -> i64 {
        let gone_ms = i64::try_from(self.begun.elapsed().as_millis()).unwrap();
        self.begun_ms.load(Ordering::SeqCst) + gone_ms
    }
}
