//! Sinks: their state and their counts.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use crate::store::postgres::columns::{get, text};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::lanes::LANE;
use crate::store::postgres::locks::Lock;
use crate::store::postgres::text::kept;
use crate::store::{Route, SinkCondition, SinkMove};

/// The most deliveries that one statement forgets the failures of.
const FORGOTTEN_MAX: i64 = 10_000;

/// The sinks of these names that are stopped.
const STOPPED: &str =
    "SELECT id FROM sinks WHERE name = ANY ($1) AND stopped IS NOT NULL ORDER BY id";
/// Adds sinks that were never configured. Others take no number.
const ADD: &str = "INSERT INTO sinks (name, kind, is_configured) SELECT name, kind, true \
     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (name, kind, at) \
     WHERE NOT EXISTS (SELECT 1 FROM sinks WHERE sinks.name = given.name) ORDER BY at ON CONFLICT DO NOTHING";
/// Changes the rows of sinks that are configured now, and no others.
const CONFIGURE: &str = "UPDATE sinks SET is_configured = true, kind = given.kind, stopped = NULL, rests_until_ms = NULL, \
     rests_why = NULL FROM unnest($1::text[], $2::text[]) AS given (name, kind) WHERE sinks.name = given.name \
     AND NOT (is_configured AND sinks.kind = given.kind AND stopped IS NULL AND rests_until_ms IS NULL)";
const REMOVE: &str =
    "UPDATE sinks SET is_configured = false WHERE is_configured AND name <> ALL ($1)";
const NUMBERS: &str = "SELECT name, id FROM sinks WHERE name = ANY ($1)";
const FIND: &str = "SELECT id FROM sinks WHERE name = $1";
const ALL: &str = "SELECT id FROM sinks ORDER BY id";
const SET_CONDITION: &str =
    "UPDATE sinks SET stopped = $2, rests_until_ms = $3, rests_why = $4 WHERE id = $1";
const PAUSE: &str = "UPDATE sinks SET paused_ms = CASE WHEN $2::bigint IS NULL THEN NULL ELSE coalesce(paused_ms, $2) END, \
     stopped = CASE WHEN $2::bigint IS NULL THEN NULL ELSE stopped END WHERE id = $1";
/// Forgets since when some deliveries fail, in the order of their events. Says how far it got.
pub(crate) const FORGET: &str = "WITH failed AS (SELECT event_id FROM delivery_queue WHERE sink = $1 AND steps > 1 \
     AND first_failed_ms IS NOT NULL AND event_id > $2 ORDER BY event_id LIMIT $3 FOR UPDATE), \
     forgotten AS (UPDATE delivery_queue SET first_failed_ms = NULL WHERE sink = $1 \
     AND event_id = ANY (ARRAY(SELECT event_id FROM failed))) \
     SELECT event_id FROM failed ORDER BY event_id DESC LIMIT 1";
/// Adds to counts of sinks, in the lane of the transaction.
const COUNT: &str = "INSERT INTO sink_counts AS it (sink, lane, waiting, sent, dead, dropped, discarded) \
     SELECT sink, {LANE}, waiting, sent, dead, dropped, discarded \
     FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) \
     AS moved (sink, waiting, sent, dead, dropped, discarded) ORDER BY sink \
     ON CONFLICT (sink, lane) DO UPDATE SET waiting = it.waiting + excluded.waiting, sent = it.sent + excluded.sent, \
     dead = it.dead + excluded.dead, dropped = it.dropped + excluded.dropped, discarded = it.discarded + excluded.discarded";

/// Records which sinks there are: those of the server that started last. A sink that was stopped or
/// that rested continues, if it is one of them. Returns the number of each.
pub(super) async fn set(
    transaction: &Transaction<'_>,
    routes: &[Route],
) -> Result<Vec<i32>, Failure> {
    let names: Vec<_> = routes.iter().map(|route| kept(&route.sink)).collect();
    let kinds: Vec<&str> = routes.iter().map(|route| route.kind).collect();
    Lock::Sinks.take(transaction).await?;
    for stopped in transaction.query(STOPPED, &[&names]).await? {
        forget_failures(transaction, get(&stopped, 0)?).await?;
    }
    transaction.execute(ADD, &[&names, &kinds]).await?;
    transaction.execute(REMOVE, &[&names]).await?;
    transaction.execute(CONFIGURE, &[&names, &kinds]).await?;
    let mut numbers = std::collections::HashMap::new();
    for row in transaction.query(NUMBERS, &[&names]).await? {
        numbers.insert(text(&row, 0)?, get(&row, 1)?);
    }
    let number = |route: &Route| numbers.get(&route.sink).copied().ok_or(Failure::Column("id"));
    routes.iter().map(number).collect()
}

/// The number of the sink with this name.
pub(crate) async fn find(
    transaction: &Transaction<'_>,
    name: &str,
) -> Result<Option<i32>, Failure> {
    let find = transaction.prepare_cached(FIND).await?;
    let row = transaction.query_opt(&find, &[&kept(name)]).await?;
    row.map(|row| get(&row, 0)).transpose()
}

/// The number of the sink with this name, or those of all.
pub(super) async fn numbers(
    transaction: &Transaction<'_>,
    name: Option<&str>,
) -> Result<Vec<i32>, Failure> {
    let Some(name) = name else {
        let all = transaction.prepare_cached(ALL).await?;
        return transaction.query(&all, &[]).await?.iter().map(|row| get(row, 0)).collect();
    };
    Ok(find(transaction, name).await?.into_iter().collect())
}

/// Adds to the counts of sinks, after everything else that is about deliveries: another transaction
/// with the same lane waits from then on.
pub(crate) async fn count(
    transaction: &Transaction<'_>,
    moves: &[(i32, SinkMove)],
) -> Result<(), Failure> {
    let moves: Vec<_> = moves.iter().filter(|(_, moved)| !moved.is_nothing()).collect();
    if moves.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&SinkMove) -> i64| -> Vec<i64> {
        moves.iter().map(|(_, moved)| of(moved)).collect()
    };
    let sinks: Vec<i32> = moves.iter().map(|(sink, _)| *sink).collect();
    let count = transaction.prepare_cached(&COUNT.replace("{LANE}", LANE)).await?;
    transaction
        .execute(
            &count,
            &[
                &sinks,
                &column(|it| it.waiting),
                &column(|it| it.sent),
                &column(|it| it.dead),
                &column(|it| it.dropped),
                &column(|it| it.discarded),
            ],
        )
        .await?;
    Ok(())
}

/// Records the sink's condition.
pub(super) async fn set_condition(
    transaction: &Transaction<'_>,
    sink: i32,
    condition: &SinkCondition,
) -> Result<(), Failure> {
    let (stopped, rests_until_ms, rests_why) = match condition {
        SinkCondition::Up => (None, None, None),
        SinkCondition::Resting(until_ms, reason) => {
            (None, Some(*until_ms), Some(reason.to_string()))
        }
        SinkCondition::Stopped(reason) => (Some(reason.to_string()), None, None),
    };
    let (stopped, rests_why) = (stopped.as_deref().map(kept), rests_why.as_deref().map(kept));
    let set = transaction.prepare_cached(SET_CONDITION).await?;
    transaction.execute(&set, &[&sink, &stopped, &rests_until_ms, &rests_why]).await?;
    Ok(())
}

/// Pauses a sink, or resumes it. Returns whether it exists.
pub(super) async fn pause(
    transaction: &Transaction<'_>,
    name: &str,
    paused_ms: Option<i64>,
) -> Result<bool, Failure> {
    let Some(sink) = find(transaction, name).await? else { return Ok(false) };
    if paused_ms.is_none() {
        forget_failures(transaction, sink).await?;
    }
    let pause = transaction.prepare_cached(PAUSE).await?;
    transaction.execute(&pause, &[&sink, &paused_ms]).await?;
    Ok(true)
}

/// Forgets since when a sink's deliveries fail: time that it was paused or stopped is not time in
/// which a delivery failed.
async fn forget_failures(transaction: &Transaction<'_>, sink: i32) -> Result<(), Failure> {
    let forget = transaction.prepare_cached(FORGET).await?;
    let mut after = Uuid::nil();
    while let Some(row) = transaction.query_opt(&forget, &[&sink, &after, &FORGOTTEN_MAX]).await? {
        after = get(&row, 0)?;
    }
    Ok(())
}
