//! Waiting, which ends when somebody presses Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::error::ChaosError;

/// How often a wait looks whether it should end.
const STEP: Duration = Duration::from_millis(50);

/// Whether somebody asked for the end.
#[derive(Debug, Default)]
pub(super) struct Stop(AtomicBool);

impl Stop {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn check(&self) -> Result<(), ChaosError> {
        if self.0.load(Ordering::Relaxed) { Err(ChaosError::Interrupted) } else { Ok(()) }
    }

    pub(super) fn sleep(&self, duration: Duration) -> Result<(), ChaosError> {
        let end = tokio::time::Instant::now() + duration;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(STEP));
        }
    }

    /// Asks again and again until `ask` says true. False if it did not within `time_max`.
    pub(super) fn wait_until(
        &self,
        time_max: Duration,
        mut ask: impl FnMut() -> Result<bool, ChaosError>,
    ) -> Result<bool, ChaosError> {
        let end = tokio::time::Instant::now() + time_max;
        loop {
            if ask()? {
                return Ok(true);
            }
            if tokio::time::Instant::now() >= end {
                return Ok(false);
            }
            self.sleep(STEP * 2)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_it_was_interrupted() {
        let stop = Stop::default();
        assert!(stop.wait_until(Duration::ZERO, || Ok(true)).unwrap());
        assert!(!stop.wait_until(Duration::ZERO, || Ok(false)).unwrap());
        stop.set();
        let error = stop.wait_until(Duration::from_hours(1), || Ok(false)).unwrap_err();
        assert!(matches!(error, ChaosError::Interrupted));
        assert!(stop.sleep(Duration::from_hours(1)).is_err());
    }
}
