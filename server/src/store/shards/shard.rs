//! One of several databases.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Shards;
use crate::store::{Answer, Storage, StoreError};

/// How often a database that has not answered yet is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a database may take to answer that is known to take no writes. It may be one whose disk
/// is full, which still reads.
const DOWN_MAX: Duration = Duration::from_secs(1);
/// When to try again what a database that is down had to do.
const RETRY_AFTER_S: u32 = 2;

/// One of several databases, and its number.
#[derive(Clone)]
pub struct Shard {
    /// Its number. It never changes.
    pub number: u16,
    /// What is in it.
    pub storage: Storage,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Shard {
    /// Whether it takes writes.
    pub(super) fn is_up(&self) -> bool {
        self.storage.events_database.is_up()
    }

    /// What is said of one that is down.
    pub(super) fn down() -> StoreError {
        StoreError::Down { retry_after_s: RETRY_AFTER_S }
    }

    /// Whether a failure is that of a database which is down, rather than of what it was asked.
    pub(super) fn is_missing(&self, failure: &StoreError) -> bool {
        matches!(failure, StoreError::Down { .. }) || !self.is_up()
    }

    /// Its answer to a read. One that is down has little time for it.
    pub(super) async fn read<T>(&self, answer: Answer<'_, T>) -> Result<T, StoreError> {
        match Shards::view_of_read(self.number) {
            Some(view) => view.during(self.read_in_time(answer)).await,
            None => self.read_in_time(answer).await,
        }
    }

    async fn read_in_time<T>(&self, mut answer: Answer<'_, T>) -> Result<T, StoreError> {
        let mut down_since = None;
        loop {
            tokio::select! {
                answer = &mut answer => return answer,
                () = sleep(LOOK_EVERY) => {}
            }
            if self.is_up() {
                down_since = None;
            } else if down_since.get_or_insert_with(Instant::now).elapsed() > DOWN_MAX {
                return Err(Self::down());
            }
        }
    }

    /// Its answer to a write, which is not begun if it is down: others wait for this one.
    pub(super) async fn write<T>(
        &self,
        write: impl FnOnce(&Storage) -> Answer<'_, T>,
    ) -> Result<T, StoreError> {
        if self.is_up() { write(&self.storage).await } else { Err(Self::down()) }
    }
}
