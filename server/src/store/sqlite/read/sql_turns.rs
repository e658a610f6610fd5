//! How many statements of users run and wait at a time.
//!
//! Each runs on a connection and a thread of its own, so a slow one holds up no other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most statements that run at a time.
const RUNNING_MAX: usize = 4;
/// Most statements that run or wait.
const ADMITTED_MAX: usize = 20;
/// How long a statement may wait.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The turns of statements.
#[derive(Debug)]
pub(crate) struct SqlTurns {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// A statement's turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct SqlTurn {
    _admitted: OwnedSemaphorePermit,
    _running: OwnedSemaphorePermit,
}

impl SqlTurns {
    pub(crate) fn new() -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(ADMITTED_MAX)),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
        }
    }

    /// Waits for a turn. `None` if too many statements run and wait.
    pub(crate) async fn take(&self) -> Option<SqlTurn> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().ok()?;
        let running = Arc::clone(&self.running).acquire_owned();
        let running = tokio::time::timeout(WAIT_MAX, running).await.ok()?.ok()?;
        Some(SqlTurn { _admitted: admitted, _running: running })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn some_run_some_wait_for_a_while_and_the_rest_is_refused_at_once() {
        let turns = Arc::new(SqlTurns::new());
        let mut running = Vec::new();
        for _ in 0..RUNNING_MAX {
            running.push(turns.take().await.unwrap());
        }
        let waiting: Vec<_> = (RUNNING_MAX..ADMITTED_MAX)
            .map(|_| {
                let turns = Arc::clone(&turns);
                tokio::spawn(async move { turns.take().await.is_some() })
            })
            .collect();
        tokio::task::yield_now().await;
        let begun = tokio::time::Instant::now();
        assert!(turns.take().await.is_none());
        assert_eq!(begun.elapsed(), Duration::ZERO);
        running.pop();
        let mut took_turn = 0;
        for waited in waiting {
            took_turn += u32::from(waited.await.unwrap());
        }
        assert!(took_turn > 0, "one turn after another was free");
        assert!(begun.elapsed() <= WAIT_MAX);
        assert!(turns.take().await.is_some());
    }
}
