//! Reads of events, producers and totals.

use tokio::sync::watch;

use super::{
    Aggregate, AggregateQuery, Answer, EventFilter, EventPage, EventQuery, EventRef, EventTrace,
    LivePlace, LiveTail, ProducerPage, ProducerQuery, RefusedPage, RefusedQuery, SourceTotals,
    SqlError, SqlQuery, SqlTable, Totals,
};

/// Reads what was stored. Each read looks at a limited number of rows.
pub trait Reader: Send + Sync + 'static {
    /// The counts of everything applied so far.
    fn totals(&self, now_ms: i64) -> Answer<'_, Totals>;

    /// The counts of each source's ledgers, by name.
    fn sources(&self) -> Answer<'_, Vec<SourceTotals>>;

    /// A page of events, newest first.
    fn events(&self, query: EventQuery) -> Answer<'_, EventPage>;

    /// All that is known about one event.
    fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>>;

    /// A page of arrivals that are not in `events`, newest first.
    fn refused(&self, query: RefusedQuery) -> Answer<'_, RefusedPage>;

    /// A page of producers, by their last payload, newest first.
    fn producers(&self, query: ProducerQuery) -> Answer<'_, ProducerPage>;

    /// Counts events by a key. Looks at a limited number of rows, newest first, and returns where
    /// it stopped.
    fn aggregate(&self, query: AggregateQuery) -> Answer<'_, Aggregate>;

    /// Runs a read-only statement. Dropping the future stops it.
    fn sql(&self, query: SqlQuery) -> Answer<'_, Result<SqlTable, SqlError>>;

    /// The current end of the order in which events are stored.
    fn live_end(&self) -> Answer<'_, LivePlace>;

    /// The events stored after `after` that match, at most `limit` of them, in the order in which
    /// they were stored.
    fn live(&self, filter: EventFilter, after: LivePlace, limit: u32) -> Answer<'_, LiveTail>;

    /// Changes whenever this process has stored something.
    fn changes(&self) -> watch::Receiver<u64>;
}
