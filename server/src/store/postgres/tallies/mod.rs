//! Tallies: counts of events and errors by time, and what is known of properties.
//!
//! Many transactions of several servers count at the same time, often the same names. So each only
//! appends a row to `tally_log`, which says what it counted. Now and then one server adds the log
//! to `tallies`, and no two at the same time: it alone decides which names have room. A read adds
//! what is still in the log, so it is exact at any moment.

mod fold;
mod log;
mod memory;
pub(crate) mod moved;
mod prune;
mod read;
mod recount;
mod repair;
mod rows;

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Transaction;

use super::connection::database::Database;
use super::connection::failure::{Failure, described};
use super::store::PostgresStore;
use crate::store::apply::Writes;
use crate::store::tally::{TallyChange, occurrence_change};
use crate::store::{
    Answer, CataloguePage, CatalogueQuery, ErrorPage, ErrorQuery, NameProperties, Occurrence,
    Tallies, Traffic, TrafficQuery,
};

pub(crate) use fold::{Batch as Folding, batch as fold_some};
pub(crate) use memory::TallyMemory;
pub(crate) use prune::prune;
pub(crate) use recount::differences;
pub use repair::{TalliesRepaired, repair};

/// Counts what applying or replaying payloads has written, in the same transaction.
pub(crate) async fn add_writes(
    transaction: &Transaction<'_>,
    memory: &TallyMemory,
    writes: &Writes<'_>,
) -> Result<(), Failure> {
    let change = TallyChange::of(writes);
    if change.seen.is_empty() {
        return Ok(());
    }
    let facts = memory.look(transaction, writes).await?;
    memory.added(log::append(transaction, &change, &facts).await?);
    Ok(())
}

/// Counts errors, in the transaction that records them.
pub(crate) async fn add(
    transaction: &Transaction<'_>,
    memory: &TallyMemory,
    change: TallyChange<'_>,
) -> Result<(), Failure> {
    if change.seen.is_empty() {
        return Ok(());
    }
    let bytes = log::append(transaction, &change, &HashMap::new()).await?;
    memory.added(bytes);
    Ok(())
}

/// Adds the log to the tallies before the database is closed, if this process has added to it.
pub(crate) async fn close(store: &PostgresStore) {
    if store.tallies.has_added() {
        fold_if_possible(&store.database).await;
    }
}

/// Adds the log to the tallies. What it says is counted in any case: if that fails, it stays, and
/// whoever is next does it.
async fn fold_if_possible(database: &Database) {
    match fold::all(database).await {
        Ok(()) => {}
        Err(failure) if failure.is_outage() => {
            tracing::debug!(error = %described(&failure), "did not add the log of tallies");
        }
        Err(failure) => {
            tracing::warn!(error = %described(&failure), "failed to add the log to the tallies");
        }
    }
}

impl Tallies for PostgresStore {
    fn record(&self, occurrences: Vec<Occurrence>) -> Answer<'_, ()> {
        let occurrences = Arc::new(occurrences);
        Box::pin(async move {
            let memory = Arc::clone(&self.tallies);
            let recording = self.database.transact("count errors", move |transaction| {
                let (occurrences, memory) = (Arc::clone(&occurrences), Arc::clone(&memory));
                Box::pin(
                    async move { add(transaction, &memory, occurrence_change(&occurrences)).await },
                )
            });
            recording.await?;
            fold_if_possible(&self.database).await;
            Ok(())
        })
    }

    fn names(&self, query: CatalogueQuery) -> Answer<'_, CataloguePage> {
        let query = Arc::new(query);
        Box::pin(read::exact(&self.database, "read names of events", move |snapshot| {
            let query = Arc::clone(&query);
            Box::pin(async move { read::names(snapshot, &query).await })
        }))
    }

    fn properties(&self, source: String, name: String) -> Answer<'_, Option<NameProperties>> {
        let of = Arc::new((source, name));
        Box::pin(read::exact(&self.database, "read properties of a name", move |snapshot| {
            let of = Arc::clone(&of);
            Box::pin(async move { read::properties(snapshot, &of.0, &of.1).await })
        }))
    }

    fn traffic(&self, query: TrafficQuery) -> Answer<'_, Traffic> {
        let query = Arc::new(query);
        Box::pin(read::exact(&self.database, "read traffic", move |snapshot| {
            let query = Arc::clone(&query);
            Box::pin(async move { read::traffic(snapshot, &query).await })
        }))
    }

    fn errors(&self, query: ErrorQuery) -> Answer<'_, ErrorPage> {
        let query = Arc::new(query);
        Box::pin(read::exact(&self.database, "read groups of errors", move |snapshot| {
            let query = Arc::clone(&query);
            Box::pin(async move { read::errors(snapshot, &query).await })
        }))
    }
}
