//! What a target needs before a chunk is copied into it.

use crate::store::postgres::columns::get;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::partitions::{self, Kind};

use super::copy::SINKS;
use super::database::ShardDatabase;
use super::error::ShardError;
use super::tables::weeks;

/// The weeks of which events were removed, and the week from which on everything is there.
const REMOVED: &str = "SELECT week, removed_ms FROM weeks WHERE is_removed";
const KEPT_FROM: &str = "SELECT greatest((SELECT max(week) + 1 FROM weeks WHERE is_removed OR removed_events > 0), \
     (SELECT kept_from FROM shard))";
const KEEP_FROM: &str = "UPDATE shard SET kept_from = $1 WHERE kept_from IS NULL OR kept_from < $1";
const ADD_REMOVED: &str = "INSERT INTO weeks (week, is_removed, removed_ms) \
     SELECT week, true, removed_ms FROM unnest($1::integer[], $2::bigint[]) AS it (week, removed_ms) \
     ON CONFLICT DO NOTHING";
const ADD_SINK: &str = "INSERT INTO sinks (name, kind, is_configured) SELECT $1::text, $2::text, false \
     WHERE NOT EXISTS (SELECT FROM sinks WHERE name = $1::text) ON CONFLICT DO NOTHING";

/// Makes what a copy needs in the target, in short transactions before it. Everything of it may be
/// there already.
pub(super) async fn target(from: &ShardDatabase, to: &ShardDatabase) -> Result<(), ShardError> {
    let reading = from.work("read its weeks", |transaction| {
        Box::pin(async move {
            let removed = transaction.query(REMOVED, &[]).await?;
            let removed: Vec<(i32, Option<i64>)> = removed
                .iter()
                .map(|row| Ok((get(row, 0)?, get(row, 1)?)))
                .collect::<Result<_, Failure>>()?;
            let removed: (Vec<i32>, Vec<Option<i64>>) = removed.into_iter().unzip();
            let kept_from: Option<i32> = get(&transaction.query_one(KEPT_FROM, &[]).await?, 0)?;
            let sinks = transaction.query(SINKS, &[]).await?;
            let sinks: Vec<(String, String)> = sinks
                .iter()
                .map(|row| Ok((get(row, 1)?, get(row, 2)?)))
                .collect::<Result<_, Failure>>()?;
            Ok((weeks(transaction).await?, removed, kept_from, sinks))
        })
    });
    let (weeks, removed, kept_from, sinks) = reading.await?;
    for week in weeks {
        let made = partitions::ensure(&to.database, Kind::Events, week).await;
        made.map_err(|it| ShardError::work("make partitions", &to.place(), &it))?;
    }
    let preparing = to.work("prepare it", |transaction| {
        let (removed, sinks) = (removed.clone(), sinks.clone());
        Box::pin(async move {
            transaction.execute(ADD_REMOVED, &[&removed.0, &removed.1]).await?;
            if let Some(week) = kept_from {
                transaction.execute(KEEP_FROM, &[&week]).await?;
            }
            for (name, kind) in &sinks {
                transaction.execute(ADD_SINK, &[name, kind]).await?;
            }
            Ok(())
        })
    });
    preparing.await
}
