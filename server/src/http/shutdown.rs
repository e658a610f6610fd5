//! What requests learn about a shutdown of the server.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::watch;

/// Whether the server is shutting down, and when its process ends.
#[derive(Debug)]
pub struct Shutdown {
    /// When the process ends, in milliseconds since 1970; 0 before the shutdown begins.
    ends_ms: AtomicI64,
    begun: watch::Sender<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { ends_ms: AtomicI64::new(0), begun: watch::Sender::new(false) }
    }
}

impl Shutdown {
    /// Begins the shutdown: intake refuses payloads from now on, and the process ends after
    /// `grace_ms` at the latest.
    pub fn begin(&self, now_ms: i64, grace_ms: i64) {
        let ends_ms = now_ms.saturating_add(grace_ms).max(1);
        self.ends_ms.store(ends_ms, Ordering::Release);
        self.begun.send_replace(true);
    }

    /// Becomes true when the shutdown begins, so that streams without an end can stop.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.begun.subscribe()
    }

    /// Whether the server is shutting down.
    pub fn has_begun(&self) -> bool {
        self.ends_ms.load(Ordering::Acquire) != 0
    }

    /// During a shutdown, the number of seconds after which this process has ended and another one
    /// may be running.
    pub fn retry_after_s(&self, now_ms: i64) -> Option<u32> {
        let ends_ms = self.ends_ms.load(Ordering::Acquire);
        let left_ms = ends_ms.saturating_sub(now_ms);
        (ends_ms != 0).then(|| u32::try_from(left_ms.div_euclid(1_000) + 1).unwrap_or(1).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_to_retry_after_the_process_has_ended() {
        let shutdown = Shutdown::default();
        assert_eq!((shutdown.has_begun(), shutdown.retry_after_s(5_000)), (false, None));
        let begun = shutdown.subscribe();
        shutdown.begin(5_000, 10_000);
        assert!(shutdown.has_begun() && *begun.borrow());
        assert_eq!(shutdown.retry_after_s(5_000), Some(11));
        assert_eq!(shutdown.retry_after_s(14_999), Some(1));
        assert_eq!(
            shutdown.retry_after_s(60_000),
            Some(1),
            "it takes longer than the grace period"
        );
    }
}
