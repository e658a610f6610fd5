//! What a shard without buckets still counts: deliveries that were sent, and events that retention
//! removed. The first shard counts it from the moment on in which the map is without the shard.

use std::collections::{BTreeMap, HashMap};

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::database::ShardDatabase;
use super::error::ShardError;
use crate::store::apply::{SourceChange, TotalsChange};
use crate::store::postgres::apply::{sources, totals};
use crate::store::postgres::columns::{get, text};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::deliveries::sinks;
use crate::store::postgres::tallies::moved::{self, MovedTally};
use crate::store::postgres::text::kept;
use crate::store::tally::TallyKey;
use crate::store::{Counts, SinkMove};

const TOTALS: &str = "SELECT sum(stored)::bigint, sum(duplicates)::bigint, sum(invalid)::bigint, \
     sum(unnumbered)::bigint, sum(made)::bigint, sum(declared)::bigint, sum(missing)::bigint FROM totals";
const SOURCES: &str = "SELECT source, sum(producers)::bigint, sum(made)::bigint, sum(received)::bigint, \
     sum(declared)::bigint, sum(missing)::bigint FROM sources GROUP BY source";
const SINKS: &str = "SELECT s.name, s.kind, sum(c.waiting)::bigint, sum(c.sent)::bigint, sum(c.dead)::bigint, \
     sum(c.dropped)::bigint, sum(c.discarded)::bigint FROM sinks AS s JOIN sink_counts AS c ON c.sink = s.id \
     GROUP BY s.name, s.kind";
const WEEKS: &str = "SELECT week, removed_events FROM weeks WHERE removed_events > 0";
const ADD_WEEKS: &str = "INSERT INTO weeks AS w (week, is_removed, removed_events) \
     SELECT week, true, removed_events FROM unnest($1::integer[], $2::bigint[]) AS it (week, removed_events) \
     ON CONFLICT (week) DO UPDATE SET removed_events = w.removed_events + excluded.removed_events";
const ADD_SINK: &str = "INSERT INTO sinks (name, kind, is_configured) SELECT $1::text, $2::text, false \
     WHERE NOT EXISTS (SELECT FROM sinks WHERE name = $1::text) ON CONFLICT DO NOTHING";
const LEFT: &str = "SELECT (SELECT count(*) FROM payload_queue), (SELECT count(*) FROM set_aside WHERE discarded_ms IS NULL), \
     (SELECT count(*) FROM payloads), (SELECT count(*) FROM delivery_queue), (SELECT count(*) FROM events)";

/// What a shard still has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) waiting: i64,
    pub(super) set_aside: i64,
    pub(super) payloads: i64,
    pub(super) deliveries: i64,
    pub(super) events: i64,
}

/// What a shard without buckets still counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Remains {
    totals: TotalsChange,
    sources: HashMap<String, SourceChange>,
    /// By the name of a sink, with its kind.
    sinks: BTreeMap<String, (String, SinkMove)>,
    tallies: HashMap<TallyKey<'static>, MovedTally>,
    weeks: (Vec<i32>, Vec<i64>),
}

impl Left {
    pub(super) async fn of(shard: &ShardDatabase) -> Result<Self, ShardError> {
        let looking = shard.work("look what is left", |transaction| {
            Box::pin(async move {
                let row = transaction.query_one(LEFT, &[]).await?;
                Ok(Self {
                    waiting: get(&row, 0)?,
                    set_aside: get(&row, 1)?,
                    payloads: get(&row, 2)?,
                    deliveries: get(&row, 3)?,
                    events: get(&row, 4)?,
                })
            })
        });
        looking.await
    }
}

impl Remains {
    /// Reads them. Nobody else changes tallies meanwhile.
    pub(super) async fn of(shard: &ShardDatabase) -> Result<Self, ShardError> {
        let reading = shard.work("read what it counts", |transaction| {
            Box::pin(async move {
                let tallies = moved::all(transaction).await?;
                Ok(Self {
                    totals: read_totals(&transaction.query_one(TOTALS, &[]).await?)?,
                    sources: rows(transaction, SOURCES, read_source).await?.into_iter().collect(),
                    sinks: rows(transaction, SINKS, read_sink).await?.into_iter().collect(),
                    tallies: tallies.into_iter().map(|(key, it)| (key, tally(it))).collect(),
                    weeks: rows(transaction, WEEKS, read_week).await?.into_iter().unzip(),
                })
            })
        });
        reading.await
    }

    /// Adds them. What other transactions add to comes last.
    pub(super) async fn add(self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        transaction.execute(ADD_WEEKS, &[&self.weeks.0, &self.weeks.1]).await?;
        moved::merge(transaction, 1, self.tallies).await?;
        sources::add(transaction, &self.sources).await?;
        totals::add(transaction, &self.totals).await?;
        let mut counts = Vec::with_capacity(self.sinks.len());
        for (name, (kind, moved)) in &self.sinks {
            let (name, kind) = (kept(name), kept(kind));
            transaction.execute(ADD_SINK, &[&name, &kind]).await?;
            if let Some(number) = sinks::find(transaction, &name).await? {
                counts.push((number, *moved));
            }
        }
        sinks::count(transaction, &counts).await
    }
}

async fn rows<T>(
    transaction: &Transaction<'_>,
    sql: &str,
    read: impl Fn(&Row) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    transaction.query(sql, &[]).await?.iter().map(read).collect()
}

fn read_totals(row: &Row) -> Result<TotalsChange, Failure> {
    let sum = |at| -> Result<i64, Failure> { Ok(get::<Option<i64>>(row, at)?.unwrap_or(0)) };
    Ok(TotalsChange {
        stored: sum(0)?,
        duplicates: sum(1)?,
        invalid: sum(2)?,
        unnumbered: sum(3)?,
        made: sum(4)?,
        declared: sum(5)?,
        missing: sum(6)?,
    })
}

fn read_source(row: &Row) -> Result<(String, SourceChange), Failure> {
    let change = SourceChange {
        producers: get(row, 1)?,
        made: get(row, 2)?,
        received: get(row, 3)?,
        declared: get(row, 4)?,
        missing: get(row, 5)?,
    };
    Ok((text(row, 0)?, change))
}

fn read_sink(row: &Row) -> Result<(String, (String, SinkMove)), Failure> {
    let moved = SinkMove {
        waiting: get(row, 2)?,
        sent: get(row, 3)?,
        dead: get(row, 4)?,
        dropped: get(row, 5)?,
        discarded: get(row, 6)?,
    };
    Ok((text(row, 0)?, (text(row, 1)?, moved)))
}

fn read_week(row: &Row) -> Result<(i32, i64), Failure> {
    Ok((get(row, 0)?, get(row, 1)?))
}

fn tally(counts: Counts) -> MovedTally {
    MovedTally { counts, ..MovedTally::default() }
}
