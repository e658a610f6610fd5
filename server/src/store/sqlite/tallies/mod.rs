//! Tallies in store.db: counts of events and errors by time, and what is known of properties.
//!
//! A transaction adds what it counted to one text in the row of `totals`, which it writes anyway.
//! Once that is long, it is added to the rows of `tallies`. So a transaction costs a few hundred
//! bytes in a page that is written in any case, and a read adds both.

mod cache;
mod details;
pub(crate) mod fill;
mod read;
pub(crate) mod rows;
pub(crate) mod scan;

pub(crate) use cache::{TallyCache, settle_log};
pub(crate) use details::prune;
pub use fill::{Repaired, repair};

use super::store::SqliteStore;
use super::writer::step::Guard;
use crate::store::read_class::ReadClass;
use crate::store::tally::occurrence_change;
use crate::store::{
    Answer, CataloguePage, CatalogueQuery, ErrorPage, ErrorQuery, NameProperties, Occurrence,
    Tallies, Traffic, TrafficQuery,
};

impl Tallies for SqliteStore {
    fn record(&self, occurrences: Vec<Occurrence>) -> Answer<'_, ()> {
        Box::pin(self.writer.write("count errors", Guard::Alone, 0, move |files, _| {
            if !occurrences.is_empty() {
                files.tallies.add(&files.store, occurrence_change(&occurrences))?;
            }
            files.tallies.flush_details(&files.store)
        }))
    }

    fn names(&self, query: CatalogueQuery) -> Answer<'_, CataloguePage> {
        Box::pin(
            self.readers.read(ReadClass::Page, "read names of events", move |store| {
                read::names(store, &query)
            }),
        )
    }

    fn properties(&self, source: String, name: String) -> Answer<'_, Option<NameProperties>> {
        Box::pin(self.readers.read(ReadClass::Page, "read properties of a name", move |store| {
            read::properties(store, source, name)
        }))
    }

    fn traffic(&self, query: TrafficQuery) -> Answer<'_, Traffic> {
        Box::pin(
            self.readers.read(ReadClass::Summary, "read traffic", move |store| {
                read::traffic(store, &query)
            }),
        )
    }

    fn errors(&self, query: ErrorQuery) -> Answer<'_, ErrorPage> {
        Box::pin(self.readers.read(ReadClass::Page, "read groups of errors", move |store| {
            read::errors(store, &query)
        }))
    }
}
