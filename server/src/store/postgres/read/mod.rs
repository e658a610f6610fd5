//! Reads. Each goes along an index, over a limited number of rows.

pub(crate) mod aggregate;
pub(crate) mod event_pages;
pub(crate) mod event_row;
pub(crate) mod event_scan;
pub(crate) mod live;
pub(crate) mod producers;
pub(crate) mod reading;
pub(crate) mod refused;
pub(crate) mod runs;
mod statement;
pub(crate) mod trace;
pub(crate) mod user_sql;

use tokio::sync::watch;

use super::apply::{sources, totals};
use super::store::PostgresStore;
use crate::store::read_class::ReadClass;
use crate::store::{
    Aggregate, AggregateQuery, Answer, EventFilter, EventPage, EventQuery, EventRef, EventTrace,
    LivePlace, LiveTail, ProducerPage, ProducerQuery, Reader, RefusedPage, RefusedQuery,
    SourceTotals, SqlError, SqlQuery, SqlTable, Totals,
};

impl Reader for PostgresStore {
    fn totals(&self, now_ms: i64) -> Answer<'_, Totals> {
        Box::pin(self.reading(ReadClass::Summary, "read the totals", move |reading| {
            Box::pin(async move { totals::read(&reading, now_ms).await })
        }))
    }

    fn sources(&self) -> Answer<'_, Vec<SourceTotals>> {
        Box::pin(self.reading(ReadClass::Summary, "read the counts of sources", |reading| {
            Box::pin(async move { sources::read(&reading).await })
        }))
    }

    fn events(&self, query: EventQuery) -> Answer<'_, EventPage> {
        Box::pin(self.reading(ReadClass::Page, "read events", move |reading| {
            Box::pin(async move { event_pages::page(&reading, &query).await })
        }))
    }

    fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>> {
        Box::pin(self.reading(ReadClass::Page, "trace an event", move |reading| {
            Box::pin(async move { trace::find(&reading, &event).await })
        }))
    }

    fn refused(&self, query: RefusedQuery) -> Answer<'_, RefusedPage> {
        Box::pin(self.reading(ReadClass::Page, "read refused events", move |reading| {
            Box::pin(async move { refused::page(&reading, &query).await })
        }))
    }

    fn producers(&self, query: ProducerQuery) -> Answer<'_, ProducerPage> {
        Box::pin(self.reading(ReadClass::Page, "read producers", move |reading| {
            Box::pin(async move { producers::page(&reading, &query).await })
        }))
    }

    fn aggregate(&self, query: AggregateQuery) -> Answer<'_, Aggregate> {
        Box::pin(self.reading(ReadClass::Count, "count events", move |reading| {
            Box::pin(async move { aggregate::over_weeks(&reading, &query).await })
        }))
    }

    fn sql(&self, query: SqlQuery) -> Answer<'_, Result<SqlTable, SqlError>> {
        Box::pin(self.user_sql.run(&self.database, query))
    }

    fn live_end(&self) -> Answer<'_, LivePlace> {
        Box::pin(async move {
            let mut again = 0;
            loop {
                let find = "find the end of the live view";
                let read = self.reading(ReadClass::Live, find, |reading| {
                    Box::pin(async move { live::end(&reading).await })
                });
                let (end, is_held_up) = read.await?;
                if !is_held_up || again == live::AGAIN_MAX {
                    return Ok(end.into());
                }
                again += 1;
                tokio::time::sleep(live::AGAIN_AFTER).await;
            }
        })
    }

    fn live(&self, filter: EventFilter, after: LivePlace, limit: u32) -> Answer<'_, LiveTail> {
        Box::pin(async move {
            let (mut again, after) = (0, after.alone());
            loop {
                let filter = filter.clone();
                let read = self.reading(ReadClass::Live, "follow the live view", move |reading| {
                    Box::pin(async move { live::tail(&reading, &filter, after, limit).await })
                });
                let (tail, is_held_up) = read.await?;
                if !is_held_up || tail.has_more || again == live::AGAIN_MAX {
                    return Ok(tail);
                }
                again += 1;
                tokio::time::sleep(live::AGAIN_AFTER).await;
            }
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.notices.stored.subscribe()
    }
}
