//! Whether a backlog grows.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::numbers::per;
use crate::peer::Peer;

/// How much of what arrives may be left over.
const LEFT_OVER: f64 = 0.02;
/// How many seconds' arrivals the backlog may go up and down by, because batches come and go.
const NOISE_S: f64 = 0.25;

/// How many payloads waited at equal distances in time.
#[derive(Debug)]
pub(crate) struct Backlog {
    waiting: Vec<u64>,
    seconds: f64,
}

impl Backlog {
    /// Looks at a peer's backlog for some time.
    pub(crate) async fn watch(peer: &Peer, time: Duration, every: Duration) -> Result<Self> {
        let started = Instant::now();
        let mut waiting = Vec::new();
        while started.elapsed() < time {
            waiting.push(peer.waiting().await?);
            tokio::time::sleep(every).await;
        }
        Ok(Self { waiting, seconds: time.as_secs_f64() })
    }

    /// Whether the backlog stays where it is from the second quarter of the time to the last, while
    /// payloads arrive at this rate.
    pub(crate) fn is_flat(&self, rate: f64) -> bool {
        let quarter = (self.waiting.len() / 4).max(1);
        let mean = |from: usize| {
            let part: Vec<u64> = self.waiting.iter().skip(from).take(quarter).copied().collect();
            per(part.iter().sum::<u64>().into(), part.len())
        };
        let growth = mean(self.waiting.len().saturating_sub(quarter)) - mean(quarter);
        growth <= rate * (LEFT_OVER * self.seconds / 2.0 + NOISE_S)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(waiting: impl IntoIterator<Item = u64>) -> Backlog {
        let waiting: Vec<u64> = waiting.into_iter().collect();
        Backlog { seconds: 0.5 * f64::from(u32::try_from(waiting.len()).unwrap()), waiting }
    }

    #[test]
    fn a_backlog_that_goes_up_and_down_is_flat() {
        assert!(backlog((0..120).map(|at| at % 7 * 30)).is_flat(1_000.0));
        assert!(backlog([0; 10]).is_flat(1.0));
    }

    #[test]
    fn a_backlog_that_grows_by_a_twentieth_of_what_arrives_is_not_flat() {
        // 25 of the 500 payloads that arrive between two looks.
        assert!(!backlog((0..120).map(|at| at * 25)).is_flat(1_000.0));
        assert!(backlog((0..120).map(|at| at * 3)).is_flat(1_000.0));
    }

    #[test]
    fn a_backlog_that_shrinks_is_flat() {
        assert!(backlog((0..40).rev().map(|at| at * 100)).is_flat(100.0));
    }
}
