//! The trait of what is counted so that no page has to scan events.

use super::{
    Answer, CataloguePage, CatalogueQuery, ErrorPage, ErrorQuery, NameProperties, Occurrence,
    Traffic, TrafficQuery,
};

/// Keeps counts by minute, hour, day and week. Those of events are kept in the transactions that
/// store the events, so they equal what a scan would count.
pub trait Tallies: Send + Sync + 'static {
    /// Adds errors that happened outside of the transactions that store events, and writes what is
    /// only counted in memory: more of properties that are known. It is durable when this returns.
    fn record(&self, occurrences: Vec<Occurrence>) -> Answer<'_, ()>;

    /// Names of events, by source and name.
    fn names(&self, query: CatalogueQuery) -> Answer<'_, CataloguePage>;

    /// What is known about the properties of a name. `None` if the source has no such name.
    fn properties(&self, source: String, name: String) -> Answer<'_, Option<NameProperties>>;

    /// How much arrived over time.
    fn traffic(&self, query: TrafficQuery) -> Answer<'_, Traffic>;

    /// Groups of errors, most recent first.
    fn errors(&self, query: ErrorQuery) -> Answer<'_, ErrorPage>;
}
