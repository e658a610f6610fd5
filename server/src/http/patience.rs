//! How long to wait for a client that sends or reads slowly.

use std::time::Duration;

use tokio::time::Instant;

/// A client must keep to a rate on average, and may fall behind it by some time. However much it
/// has sent before, it cannot stop for longer than that, and single bytes do not extend it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long a client may fall behind the rate.
    pub(crate) slack: Duration,
    /// The lowest rate.
    pub(crate) bytes_per_s_min: u64,
}

impl Patience {
    /// How much more time these bytes give.
    pub(crate) fn earned(self, bytes: usize) -> Duration {
        let nanos = (bytes as u64).saturating_mul(1_000_000_000) / self.bytes_per_s_min.max(1);
        Duration::from_nanos(nanos)
    }
}

/// When a transfer is given up unless it proceeds.
#[derive(Debug)]
pub(crate) struct Deadline {
    patience: Patience,
    until: Instant,
}

impl Deadline {
    /// The deadline of a transfer that begins now.
    pub(crate) fn new(patience: Patience) -> Self {
        Self { patience, until: Instant::now() + patience.slack }
    }

    pub(crate) fn until(&self) -> Instant {
        self.until
    }

    /// `bytes` were transferred.
    pub(crate) fn proceed(&mut self, bytes: usize) {
        let latest = Instant::now() + self.patience.slack;
        self.until = (self.until + self.patience.earned(bytes)).min(latest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { slack: Duration::from_secs(10), bytes_per_s_min: 1_000 };

    /// How long a transfer of `bytes` after each time `every` lasts, in seconds.
    async fn lasts_s(bytes: usize, every: Duration) -> u64 {
        let begun = Instant::now();
        let mut deadline = Deadline::new(PATIENCE);
        while begun.elapsed() < Duration::from_mins(10) {
            if tokio::time::timeout_at(deadline.until(), tokio::time::sleep(every)).await.is_err() {
                break;
            }
            deadline.proceed(bytes);
        }
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_transfer_below_the_rate_ends_and_one_at_the_rate_does_not() {
        assert_eq!(lasts_s(1_000, Duration::from_secs(1)).await, 600);
        assert_eq!(lasts_s(500, Duration::from_secs(1)).await, 19);
        assert_eq!(lasts_s(1, Duration::from_secs(4)).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_early_does_not_pay_for_a_long_pause() {
        let mut deadline = Deadline::new(PATIENCE);
        deadline.proceed(1 << 30);
        assert_eq!(deadline.until() - Instant::now(), Duration::from_secs(10));
    }
}
