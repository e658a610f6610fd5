//! Questions about events, producers and totals.

use lamplight_server::store::{
    Aggregate, AggregateQuery, Answer, EventFilter, EventPage, EventQuery, EventRef, EventTrace,
    LivePlace, LiveTail, ProducerPage, ProducerQuery, Reader, RefusedPage, RefusedQuery,
    SourceTotals, SqlError, SqlQuery, SqlTable, Totals,
};
use tokio::sync::watch;

use super::events::MemoryEvents;
use super::tables::answer;

impl Reader for MemoryEvents {
    fn totals(&self, now_ms: i64) -> Answer<'_, Totals> {
        answer(self.tables.read(|tables| tables.totals(now_ms)))
    }

    fn sources(&self) -> Answer<'_, Vec<SourceTotals>> {
        answer(self.tables.read(super::events::EventTables::source_totals))
    }

    fn events(&self, query: EventQuery) -> Answer<'_, EventPage> {
        answer(self.tables.read(|tables| tables.event_page(&query)))
    }

    fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>> {
        answer(self.tables.read(|tables| tables.trace(&event)))
    }

    fn refused(&self, query: RefusedQuery) -> Answer<'_, RefusedPage> {
        answer(self.tables.read(|tables| tables.refused_page(&query)))
    }

    fn producers(&self, query: ProducerQuery) -> Answer<'_, ProducerPage> {
        answer(self.tables.read(|tables| tables.producer_page(&query)))
    }

    fn aggregate(&self, query: AggregateQuery) -> Answer<'_, Aggregate> {
        answer(self.tables.read(|tables| tables.aggregate(&query)))
    }

    fn sql(&self, _: SqlQuery) -> Answer<'_, Result<SqlTable, SqlError>> {
        answer(Ok(Err(SqlError::Invalid("this backend has no SQL".into()))))
    }

    fn live_end(&self) -> Answer<'_, LivePlace> {
        answer(self.tables.read(|tables| tables.live_end().into()))
    }

    fn live(&self, filter: EventFilter, after: LivePlace, limit: u32) -> Answer<'_, LiveTail> {
        answer(self.tables.read(|tables| tables.live_tail(&filter, after.alone(), limit)))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
