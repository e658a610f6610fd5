//! One read: a snapshot of the database, and how long it may go on.

use std::ops::Deref;
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio::sync::Semaphore;
// The monotonic clock, not the clock port: it bounds work and decides nothing.
use tokio::time::Instant;

use crate::store::StoreError;
use crate::store::page_budget::TimeBudget;
use crate::store::postgres::connection::database::Work;
use crate::store::postgres::connection::failure::RETRY_AFTER_S;
use crate::store::postgres::store::PostgresStore;
use crate::store::read_class::ReadClass;

/// Every statement of a read goes along one index, from where the last one ended. Without
/// statistics, as in a week that has just begun, the planner would rather sort.
const ALONG_INDEXES: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off";

/// How many reads of each class run at a time, so that those of one leave connections to others.
#[derive(Debug)]
pub(crate) struct ReadPlaces(Vec<(ReadClass, Semaphore)>);

impl Default for ReadPlaces {
    fn default() -> Self {
        let place = |class: ReadClass| (class, Semaphore::new(class.places()));
        Self(ReadClass::ALL.into_iter().map(place).collect())
    }
}

impl ReadPlaces {
    fn of(&self, class: ReadClass) -> Option<&Semaphore> {
        self.0.iter().find(|(of, _)| *of == class).map(|(_, places)| places)
    }
}

/// What one read sees. It dereferences to the snapshot.
pub(crate) struct Reading<'t> {
    snapshot: &'t Transaction<'t>,
    budget: TimeBudget,
}

impl<'t> Deref for Reading<'t> {
    type Target = Transaction<'t>;

    fn deref(&self) -> &Transaction<'t> {
        self.snapshot
    }
}

impl Reading<'_> {
    /// How long the read may go on before it returns what it has.
    pub(crate) fn budget(&self) -> TimeBudget {
        self.budget
    }
}

impl PostgresStore {
    /// Reads in one snapshot, for as long as the class of the read allows.
    pub(crate) async fn reading<T: Send + 'static>(
        &self,
        class: ReadClass,
        doing: &'static str,
        work: impl for<'t> FnOnce(Reading<'t>) -> Work<'t, T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let places = self.read_places.of(class);
        let place = match places {
            Some(places) => places.acquire().await.map(Some),
            None => Ok(None),
        };
        let _place = place.map_err(|_| StoreError::Down { retry_after_s: RETRY_AFTER_S })?;
        let time_max = class.time_max();
        // Half of the time: from then on, a read returns what it has.
        let half = time_max.map(|time_max| Instant::now() + time_max / 2);
        let read = self.database.read(doing, move |snapshot| {
            Box::pin(async move {
                snapshot.batch_execute(ALONG_INDEXES).await?;
                work(Reading { snapshot, budget: TimeBudget::until(half) }).await
            })
        });
        let time_max = time_max.unwrap_or(Duration::MAX);
        match tokio::time::timeout(time_max, read).await {
            Ok(read) => read,
            Err(_) => Err(StoreError::TooSlow { doing, time_max }),
        }
    }
}
