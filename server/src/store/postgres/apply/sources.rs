//! Counts of each source, in lanes, and forgetting one.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use lamplight_wire::Producer;
use uuid::Uuid;

use super::{ledgers, totals};
use crate::store::apply::{ForgetWrites, SourceChange};
use crate::store::ledger::SHARED;
use crate::store::postgres::columns::{count, producer_uuid, text};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::lanes::LANE;
use crate::store::postgres::shards::{gate, hidden};
use crate::store::postgres::store::PostgresStore;
use crate::store::postgres::text::kept;
use crate::store::{Forgotten, SourceTotals, StoreError};

/// The most ledgers that one transaction looks at to forget a source.
const LEDGERS_MAX: i64 = 1_000;

const ADD: &str = "INSERT INTO sources AS s (source, lane, producers, made, received, declared, missing) \
     SELECT source, {LANE}, producers, made, received, declared, missing \
     FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) \
       AS n (source, producers, made, received, declared, missing) \
     ON CONFLICT (source, lane) DO UPDATE SET producers = s.producers + excluded.producers, \
       made = s.made + excluded.made, received = s.received + excluded.received, \
       declared = s.declared + excluded.declared, missing = s.missing + excluded.missing";
/// The counts of every source.
pub(crate) const READ: &str = "SELECT source, sum(producers)::bigint, sum(made)::bigint, sum(received)::bigint, \
     sum(declared)::bigint, sum(missing)::bigint FROM sources GROUP BY source ORDER BY source COLLATE \"C\"";
/// Some ledgers, in the order of their keys.
pub(crate) const PAGE: &str = "SELECT {COLUMNS} FROM producers AS p WHERE (p.producer, p.scope) > ($1, $2) \
     ORDER BY p.producer, p.scope LIMIT $3 FOR UPDATE";

/// Adds changes to the counts.
pub(crate) async fn add(
    transaction: &Transaction<'_>,
    changes: &HashMap<String, SourceChange>,
) -> Result<(), Failure> {
    let mut changes: Vec<_> =
        changes.iter().filter(|(_, change)| **change != SourceChange::default()).collect();
    if changes.is_empty() {
        return Ok(());
    }
    changes.sort_unstable_by_key(|(source, _)| source.as_str());
    let sources: Vec<_> = changes.iter().map(|(source, _)| kept(source)).collect();
    let of = |of: fn(&SourceChange) -> i64| -> Vec<i64> {
        changes.iter().map(|(_, change)| of(change)).collect()
    };
    let (producers, made) = (of(|it| it.producers), of(|it| it.made));
    let (received, declared) = (of(|it| it.received), of(|it| it.declared));
    let missing = of(|it| it.missing);
    let statement = transaction.prepare_cached(&ADD.replace("{LANE}", LANE)).await?;
    transaction
        .execute(&statement, &[&sources, &producers, &made, &received, &declared, &missing])
        .await?;
    Ok(())
}

/// Reads the counts.
pub(crate) async fn read(transaction: &Transaction<'_>) -> Result<Vec<SourceTotals>, Failure> {
    let statement = transaction.prepare_cached(READ).await?;
    let rows = transaction.query(&statement, &[]).await?;
    let read = |row| {
        Ok(SourceTotals {
            source: text(row, 0)?,
            producers: count(row, 1)?,
            made: count(row, 2)?,
            received: count(row, 3)?,
            declared: count(row, 4)?,
            missing: count(row, 5)?,
        })
    };
    let mut sources = rows.iter().map(read).collect::<Result<Vec<SourceTotals>, Failure>>()?;
    if let Some(counts) = hidden::counts(transaction).await? {
        for source in &mut sources {
            counts.take_from_source(source);
        }
    }
    Ok(sources)
}

/// The key of the ledger that was looked at last.
type After = (Uuid, String);

/// Forgets the ledgers of `source` among some ledgers. Returns what, and the last of them, unless
/// there are no more.
async fn forget(
    transaction: &Transaction<'_>,
    source: &str,
    after: &After,
) -> Result<(Forgotten, Option<After>), Failure> {
    gate::refuse_while_moving(transaction).await?;
    let statement =
        transaction.prepare_cached(&PAGE.replace("{COLUMNS}", ledgers::COLUMNS)).await?;
    let rows = transaction.query(&statement, &[&after.0, &after.1, &LEDGERS_MAX]).await?;
    let (mut writes, mut last) = (ForgetWrites::default(), None);
    for row in &rows {
        let (producer, stored): (Producer, _) = ledgers::read(row)?;
        let scope = kept(stored.ledger.scope()).into_owned();
        last = Some((producer_uuid(producer), scope));
        if stored.ledger.source == source {
            writes.forget(producer, stored);
        }
    }
    ledgers::save(transaction, &writes.ledgers).await?;
    for (producer, is_shared) in &writes.deleted {
        let scope = if *is_shared { SHARED } else { source };
        ledgers::delete(transaction, *producer, scope).await?;
    }
    add(transaction, &writes.sources).await?;
    totals::add(transaction, &writes.totals).await?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= LEDGERS_MAX);
    Ok((writes.forgotten, last.filter(|_| is_full)))
}

impl PostgresStore {
    /// Forgets a source, a limited number of ledgers in each transaction.
    pub(super) async fn forget_source(&self, source: String) -> Result<Forgotten, StoreError> {
        let (mut forgotten, mut after) = (Forgotten::default(), (Uuid::nil(), String::new()));
        let source = Arc::new(source);
        loop {
            let asked = Arc::new((Arc::clone(&source), after));
            let step = self.database.transact("forget a source", move |transaction| {
                let asked = Arc::clone(&asked);
                Box::pin(async move { forget(transaction, &asked.0, &asked.1).await })
            });
            let (more, next) = step.await?;
            forgotten += more;
            let Some(next) = next else { return Ok(forgotten) };
            after = next;
        }
    }
}
