//! Reads. Each goes along an index, over a limited number of rows.

pub(crate) mod aggregate;
pub(crate) mod event_pages;
pub(crate) mod events;
pub(crate) mod live;
pub(crate) mod producers;
#[cfg(test)]
mod query_plans;
pub(crate) mod refused;
pub(crate) mod sql_turns;
pub(crate) mod trace;
pub(crate) mod user_sql;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::apply::{sources, totals};
use super::store::SqliteStore;
use crate::store::{
    Aggregate, AggregateQuery, Answer, EventFilter, EventPage, EventQuery, EventRef, EventTrace,
    LivePosition, LiveTail, ProducerPage, ProducerQuery, Reader, RefusedPage, RefusedQuery,
    SourceTotals, SqlError, SqlQuery, SqlTable, StoreError, Totals,
};

/// Signals, when dropped, that the caller no longer waits.
#[derive(Debug, Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Reader for SqliteStore {
    fn totals(&self, now_ms: i64) -> Answer<'_, Totals> {
        Box::pin(
            self.readers
                .read("read the totals", move |connection| totals::read(connection, now_ms)),
        )
    }

    fn sources(&self) -> Answer<'_, Vec<SourceTotals>> {
        Box::pin(
            self.readers.read("read the counts of sources", |connection| sources::read(connection)),
        )
    }

    fn events(&self, query: EventQuery) -> Answer<'_, EventPage> {
        Box::pin(
            self.readers.read("read events", move |reading| event_pages::page(reading, &query)),
        )
    }

    fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>> {
        Box::pin(self.readers.read("trace an event", move |reading| trace::find(reading, &event)))
    }

    fn refused(&self, query: RefusedQuery) -> Answer<'_, RefusedPage> {
        Box::pin(
            self.readers.read("read refused events", move |reading| refused::page(reading, &query)),
        )
    }

    fn producers(&self, query: ProducerQuery) -> Answer<'_, ProducerPage> {
        Box::pin(
            self.readers
                .read("read producers", move |connection| producers::page(connection, &query)),
        )
    }

    fn aggregate(&self, query: AggregateQuery) -> Answer<'_, Aggregate> {
        Box::pin(
            self.readers
                .read("count events", move |reading| aggregate::over_weeks(reading, &query)),
        )
    }

    fn sql(&self, query: SqlQuery) -> Answer<'_, Result<SqlTable, SqlError>> {
        let path = self.path.clone();
        Box::pin(async move {
            let down = StoreError::Down { retry_after_s: 1 };
            let Some(turn) = self.sql_turns.take().await else { return Ok(Err(SqlError::Busy)) };
            let gone = StopOnDrop::default();
            let is_gone = Arc::clone(&gone.0);
            let ran = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                user_sql::run(&path, &query, is_gone)
            });
            match ran.await {
                Ok(ran) => ran.map_err(|error| StoreError::database("run a statement", error)),
                Err(_) => Err(down),
            }
        })
    }

    fn live_end(&self) -> Answer<'_, LivePosition> {
        Box::pin(self.readers.read("find the end of the live view", |reading| live::end(reading)))
    }

    fn live(&self, filter: EventFilter, after: LivePosition, limit: u32) -> Answer<'_, LiveTail> {
        Box::pin(self.readers.read("follow the live view", move |reading| {
            live::tail(reading, &filter, after, limit)
        }))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
