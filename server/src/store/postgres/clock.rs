//! The clock of the database, by which leases last. All servers share it, so a server whose own
//! clock is wrong or steps neither holds payloads for longer nor takes those of others.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;
use tokio_postgres::Client;

use super::connection::failure::Failure;
use crate::system::clock::{Clock, SystemClock};

const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// The database's clock: what it said last, and the time since then by the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct DatabaseClock(Mutex<Option<(i64, Instant)>>);

impl DatabaseClock {
    /// Asks the database for the time.
    ///
    /// # Errors
    /// [`Failure`]. The clock goes on from what it knew.
    pub(crate) async fn set(&self, client: &Client) -> Result<(), Failure> {
        let asked = Instant::now();
        let now_ms = client.query_one(NOW, &[]).await?.try_get(0)?;
        self.set_to(now_ms, asked);
        Ok(())
    }

    fn set_to(&self, now_ms: i64, asked: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now_ms, asked));
    }
}

impl Clock for DatabaseClock {
    /// The machine's time, until the database has been asked once.
    fn now_ms(&self) -> i64 {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.map_or_else(
            || SystemClock.now_ms(),
            |(then_ms, asked)| {
                let since_ms = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
                then_ms.saturating_add(since_ms)
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_from_what_the_database_said_whatever_the_machine_says() {
        let clock = DatabaseClock::default();
        assert!(clock.now_ms().abs_diff(SystemClock.now_ms()) < 60_000, "nobody was asked yet");
        clock.set_to(5_000, Instant::now());
        assert_eq!(clock.now_ms(), 5_000);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now_ms(), 7_000);
        clock.set_to(1_000, Instant::now());
        assert_eq!(clock.now_ms(), 1_000, "the database's clock was set back");
    }
}
