//! Reads. Each goes along an index, over a limited number of rows.

pub(crate) mod aggregate;
pub(crate) mod event_pages;
pub(crate) mod events;
pub(crate) mod live;
pub(crate) mod producers;
#[cfg(test)]
mod query_plans;
pub(crate) mod refused;
mod sql_ending;
mod sql_message;
pub(crate) mod sql_process;
mod sql_rows;
pub mod sql_worker;
pub(crate) mod trace;
pub(crate) mod user_sql;

use tokio::sync::watch;

use super::apply::{sources, totals};
use super::store::SqliteStore;
use crate::store::read_class::ReadClass;
use crate::store::{
    Aggregate, AggregateQuery, Answer, EventFilter, EventPage, EventQuery, EventRef, EventTrace,
    LivePlace, LiveTail, ProducerPage, ProducerQuery, Reader, RefusedPage, RefusedQuery,
    SourceTotals, SqlError, SqlQuery, SqlTable, Totals,
};

impl Reader for SqliteStore {
    fn totals(&self, now_ms: i64) -> Answer<'_, Totals> {
        Box::pin(self.readers.read(ReadClass::Summary, "read the totals", move |connection| {
            totals::read(connection, now_ms)
        }))
    }

    fn sources(&self) -> Answer<'_, Vec<SourceTotals>> {
        Box::pin(self.readers.read(
            ReadClass::Summary,
            "read the counts of sources",
            |connection| sources::read(connection),
        ))
    }

    fn events(&self, query: EventQuery) -> Answer<'_, EventPage> {
        Box::pin(self.readers.read(ReadClass::Page, "read events", move |reading| {
            event_pages::page(reading, &query)
        }))
    }

    fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>> {
        Box::pin(
            self.readers.read(ReadClass::Page, "trace an event", move |reading| {
                trace::find(reading, &event)
            }),
        )
    }

    fn refused(&self, query: RefusedQuery) -> Answer<'_, RefusedPage> {
        Box::pin(self.readers.read(ReadClass::Page, "read refused events", move |reading| {
            refused::page(reading, &query)
        }))
    }

    fn producers(&self, query: ProducerQuery) -> Answer<'_, ProducerPage> {
        Box::pin(self.readers.read(ReadClass::Page, "read producers", move |connection| {
            producers::page(connection, &query)
        }))
    }

    fn aggregate(&self, query: AggregateQuery) -> Answer<'_, Aggregate> {
        Box::pin(self.readers.read(ReadClass::Count, "count events", move |reading| {
            aggregate::over_weeks(reading, &query)
        }))
    }

    fn sql(&self, query: SqlQuery) -> Answer<'_, Result<SqlTable, SqlError>> {
        Box::pin(self.sql_processes.run(query))
    }

    fn live_end(&self) -> Answer<'_, LivePlace> {
        Box::pin(self.readers.read(ReadClass::Live, "find the end of the live view", |reading| {
            Ok(live::end(reading)?.into())
        }))
    }

    fn live(&self, filter: EventFilter, after: LivePlace, limit: u32) -> Answer<'_, LiveTail> {
        Box::pin(self.readers.read(ReadClass::Live, "follow the live view", move |reading| {
            live::tail(reading, &filter, after.alone(), limit)
        }))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
