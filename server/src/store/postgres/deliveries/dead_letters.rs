//! Dead letters: deliveries that were given up, retrying them, and discarding them.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::log::{self, Line};
use super::queue::{self, Pushed};
use super::sinks;
use crate::store::postgres::columns::{
    big, count, get, int, row_id, small_count, text, text_or_null,
};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::shards::gate;
use crate::store::postgres::text::kept;
use crate::store::week::first_row_at;
use crate::store::{
    DeadLetter, DeadLetterQuery, DeliveryState, DiscardAsk, RETRIED, RETRY_MAX, RetryAsk,
    RetryCount, RowId, SinkMove,
};

/// Letters of a sink, in the order of their events, of any reason (`$4` is null) or of one.
pub(crate) const FIND: &str = "SELECT event_id, bytes, steps, reason FROM {TABLE} \
     WHERE sink = $1 AND event_id BETWEEN $2 AND $3 AND {REASON} ORDER BY event_id LIMIT $5 {LOCK}";
/// A page of letters, with the line of the log that says why each is there.
pub(crate) const PAGE: &str = "SELECT it.event_id, it.reason, log.at_ms, log.detail FROM {TABLE} AS it \
     LEFT JOIN LATERAL (SELECT at_ms, detail FROM deliveries WHERE event_id = it.event_id AND sink = it.sink \
     AND step = it.steps - 1 LIMIT 1) AS log ON true \
     WHERE it.sink = $1 AND it.event_id > $2 AND {REASON} \
     ORDER BY it.event_id LIMIT $3";
/// Removes letters.
pub(crate) const REMOVE: &str = "DELETE FROM {TABLE} USING unnest($1::integer[], $2::uuid[]) AS it (sink, event_id) \
     WHERE {TABLE}.sink = it.sink AND {TABLE}.event_id = it.event_id";
/// Adds letters.
pub(crate) const INSERT: &str = "INSERT INTO {TABLE} (sink, event_id, bytes, steps, reason) \
     SELECT sink, event_id, bytes, steps, reason \
     FROM unnest($1::integer[], $2::uuid[], $3::bigint[], $4::integer[], $5::text[]) \
     AS it (sink, event_id, bytes, steps, reason) ORDER BY sink, event_id";
/// Deletes the first letters of a sink of events before a row.
pub(crate) const PRUNE: &str = "DELETE FROM {TABLE} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {TABLE} \
     WHERE sink = $1 AND event_id < $2 ORDER BY event_id LIMIT $3 FOR UPDATE))";

/// A delivery that was given up.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) sink: i32,
    pub(super) event: RowId,
    pub(super) bytes: u64,
    pub(super) steps: u32,
    pub(super) reason: String,
}

/// A statement for dead letters, or for those that were discarded.
pub(crate) fn on(statement: &str, is_discarded: bool) -> String {
    statement.replace("{TABLE}", if is_discarded { "discarded_letters" } else { "dead_letters" })
}

/// A statement with the condition for a reason, which decides which index it goes along.
pub(crate) fn of_reason(statement: &str, has_reason: bool) -> String {
    let any = "$4::text IS NULL";
    statement.replace("{REASON}", if has_reason { "reason = $4::text" } else { any })
}

/// Adds letters to those that are dead, or to those that are discarded.
pub(super) async fn insert(
    transaction: &Transaction<'_>,
    is_discarded: bool,
    letters: &[Letter],
) -> Result<(), Failure> {
    if letters.is_empty() {
        return Ok(());
    }
    let (sinks, events) = keys(letters);
    let bytes: Vec<i64> = letters.iter().map(|it| big(it.bytes)).collect();
    let steps: Vec<i32> = letters.iter().map(|it| int(it.steps)).collect();
    let reasons: Vec<_> = letters.iter().map(|it| kept(&it.reason)).collect();
    let insert = transaction.prepare_cached(&on(INSERT, is_discarded)).await?;
    transaction.execute(&insert, &[&sinks, &events, &bytes, &steps, &reasons]).await?;
    Ok(())
}

async fn remove(
    transaction: &Transaction<'_>,
    is_discarded: bool,
    letters: &[Letter],
) -> Result<(), Failure> {
    let (sinks, events) = keys(letters);
    let remove = transaction.prepare_cached(&on(REMOVE, is_discarded)).await?;
    transaction.execute(&remove, &[&sinks, &events]).await?;
    Ok(())
}

fn keys(letters: &[Letter]) -> (Vec<i32>, Vec<Uuid>) {
    letters.iter().map(|it| (it.sink, it.event.0)).unzip()
}

/// Discards dead letters, or restores discarded ones.
pub(super) async fn discard(
    transaction: &Transaction<'_>,
    ask: &DiscardAsk,
) -> Result<RetryCount, Failure> {
    let (letters, count) = selected(transaction, ask.restore, &ask.letters).await?;
    if ask.letters.dry_run || letters.is_empty() {
        return Ok(count);
    }
    gate::refuse_while_moving(transaction).await?;
    let lines: Vec<_> = letters.iter().map(|letter| moved_line(letter, ask)).collect();
    log::append(transaction, &lines.iter().collect::<Vec<_>>(), ask.letters.now_ms).await?;
    remove(transaction, ask.restore, &letters).await?;
    let changes = changes(&letters, ask.moved());
    let moved = letters.into_iter().map(|it| Letter { steps: it.steps.saturating_add(1), ..it });
    insert(transaction, !ask.restore, &moved.collect::<Vec<_>>()).await?;
    sinks::count(transaction, &changes).await?;
    Ok(count)
}

/// What the log says when a letter is moved from one list to the other.
fn moved_line<'a>(letter: &'a Letter, ask: &DiscardAsk) -> Line<'a> {
    let (state, reason) = ask.step(&letter.reason);
    Line {
        event: letter.event,
        sink: letter.sink,
        step: letter.steps,
        state,
        attempt: 0,
        due_ms: None,
        reason: Some(reason),
    }
}

/// Retries dead letters.
pub(super) async fn retry(
    transaction: &Transaction<'_>,
    ask: &RetryAsk,
) -> Result<RetryCount, Failure> {
    let (letters, count) = selected(transaction, false, ask).await?;
    if ask.dry_run || letters.is_empty() {
        return Ok(count);
    }
    gate::refuse_while_moving(transaction).await?;
    let due = (0..).zip(&letters).map(|(index, letter)| (ask.due_ms(index, count.count), letter));
    let line = |(due_ms, letter): (i64, &Letter)| Line {
        event: letter.event,
        sink: letter.sink,
        step: letter.steps,
        state: DeliveryState::Queued,
        attempt: 0,
        due_ms: Some(due_ms),
        reason: Some(RETRIED),
    };
    let lines: Vec<_> = due.clone().map(line).collect();
    log::append(transaction, &lines.iter().collect::<Vec<_>>(), ask.now_ms).await?;
    let pushed = due.map(|(due_ms, letter)| Pushed {
        sink: letter.sink,
        event: letter.event,
        due_ms: due_ms.max(1),
        bytes: letter.bytes,
        steps: letter.steps.saturating_add(1),
    });
    queue::push(transaction, &pushed.collect::<Vec<_>>(), ask.now_ms).await?;
    remove(transaction, false, &letters).await?;
    let moved = SinkMove { waiting: 1, dead: -1, ..SinkMove::default() };
    sinks::count(transaction, &changes(&letters, moved)).await?;
    Ok(count)
}

/// How the counts of sinks change if each letter moves those of its sink like this.
fn changes(letters: &[Letter], moved: SinkMove) -> Vec<(i32, SinkMove)> {
    let mut changes = BTreeMap::<i32, SinkMove>::new();
    for letter in letters {
        *changes.entry(letter.sink).or_default() += moved;
    }
    changes.into_iter().collect()
}

/// The letters that match, at most [`RETRY_MAX`]. Nobody else moves them until the transaction
/// ends, unless it is a dry run.
async fn selected(
    transaction: &Transaction<'_>,
    is_discarded: bool,
    ask: &RetryAsk,
) -> Result<(Vec<Letter>, RetryCount), Failure> {
    let (mut found, max) = (Vec::new(), RETRY_MAX as usize);
    for sink in sinks::numbers(transaction, ask.sink.as_deref()).await? {
        // One more than one call retries.
        let room = (max + 1).saturating_sub(found.len());
        find(transaction, is_discarded, sink, ask, room, &mut found).await?;
    }
    let is_more = found.len() > max;
    found.truncate(max);
    let count = found.len() as u64;
    Ok((found, RetryCount { count, is_more }))
}

/// The first and the last event that an ask is about. `None` if there is none.
fn bounds(ask: &RetryAsk) -> Option<(Uuid, Uuid)> {
    let mut first = ask.from_ms.map_or(Uuid::nil(), |from_ms| first_row_at(from_ms).0);
    let mut last = match ask.to_ms {
        Some(to_ms) => Uuid::from_u128(first_row_at(to_ms).0.as_u128().checked_sub(1)?),
        None => Uuid::max(),
    };
    if let Some(RowId(event)) = ask.event {
        (first, last) = (first.max(event), last.min(event));
    }
    Some((first, last))
}

async fn find(
    transaction: &Transaction<'_>,
    is_discarded: bool,
    sink: i32,
    ask: &RetryAsk,
    limit: usize,
    found: &mut Vec<Letter>,
) -> Result<(), Failure> {
    let Some((first, last)) = bounds(ask).filter(|_| limit > 0) else { return Ok(()) };
    let sql = of_reason(&on(FIND, is_discarded), ask.reason.is_some());
    let sql = sql.replace("{LOCK}", if ask.dry_run { "" } else { "FOR UPDATE" });
    let statement = transaction.prepare_cached(&sql).await?;
    let (reason, limit) = (ask.reason.as_deref().map(kept), big(limit as u64));
    for row in transaction.query(&statement, &[&sink, &first, &last, &reason, &limit]).await? {
        found.push(Letter {
            sink,
            event: row_id(&row, 0)?,
            bytes: count(&row, 1)?,
            steps: small_count(&row, 2)?,
            reason: text(&row, 3)?,
        });
    }
    Ok(())
}

/// A page of a sink's dead letters, in the order of their events.
pub(super) async fn page(
    snapshot: &Transaction<'_>,
    query: &DeadLetterQuery,
) -> Result<Vec<DeadLetter>, Failure> {
    let Some(sink) = sinks::find(snapshot, &query.sink).await? else { return Ok(Vec::new()) };
    let sql = of_reason(&on(PAGE, query.is_discarded), query.reason.is_some());
    let page = snapshot.prepare_cached(&sql).await?;
    let after = query.after.map_or(Uuid::nil(), |after| after.0);
    let (reason, limit) = (query.reason.as_deref().map(kept), i64::from(query.limit));
    let rows = snapshot.query(&page, &[&sink, &after, &limit, &reason]).await?;
    let letter = |row| {
        Ok(DeadLetter {
            event: row_id(row, 0)?,
            reason: text(row, 1)?,
            at_ms: get(row, 2)?,
            detail: text_or_null(row, 3)?,
        })
    };
    rows.iter().map(letter).collect()
}

/// Deletes dead letters of events before `from`, whose rows are gone, discarded or not: at most
/// `limit` of each sink. Those that were not discarded count as dropped from then on. Returns how
/// many were deleted.
pub(crate) async fn prune(
    transaction: &Transaction<'_>,
    from: RowId,
    limit: i64,
) -> Result<u64, Failure> {
    let (mut rows, mut moves) = (0, Vec::new());
    let discarded = transaction.prepare_cached(&on(PRUNE, true)).await?;
    let dead = transaction.prepare_cached(&on(PRUNE, false)).await?;
    for sink in sinks::numbers(transaction, None).await? {
        // Discarded ones stay counted as such.
        rows += transaction.execute(&discarded, &[&sink, &from.0, &limit]).await?;
        let gone = transaction.execute(&dead, &[&sink, &from.0, &limit]).await?;
        let count = big(gone);
        moves.push((sink, SinkMove { dead: -count, dropped: count, ..SinkMove::default() }));
        rows += gone;
    }
    sinks::count(transaction, &moves).await?;
    Ok(rows)
}
