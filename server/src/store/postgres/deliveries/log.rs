//! The log of each delivery. Step 0 says that there is a delivery: that it is written decides which
//! server, or which of two backfills, makes it.
//!
//! The log of a week goes with the events of the week. A delivery may still wait then: it is
//! settled without a line.

use std::borrow::Cow;
use std::collections::BTreeSet;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use crate::store::postgres::columns::{get, int, small_count, text, text_or_null};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::text::kept;
use crate::store::{DeliveryState, DeliveryStep, LOG_STEPS_MAX, RowId, STEPS_MAX, Week};

/// Appends lines, of weeks that are there. Sorted, so that two that append the same ones wait for
/// each other in one order.
pub(crate) const APPEND: &str = "INSERT INTO deliveries (event_id, sink, step, at_ms, state, attempt, due_ms, reason, detail) \
     SELECT event_id, sink, step, $1::bigint, state, attempt, due_ms, reason, detail \
     FROM unnest($2::uuid[], $3::integer[], $4::integer[], $5::text[], $6::integer[], $7::bigint[], $8::text[], $9::text[], \
     $10::integer[]) AS line (event_id, sink, step, state, attempt, due_ms, reason, detail, week) \
     WHERE line.week = ANY (ARRAY(SELECT weeks.week FROM weeks WHERE weeks.week = ANY ($11) AND NOT is_removed)) \
     ORDER BY event_id, sink, step ON CONFLICT DO NOTHING RETURNING event_id, sink";
/// Writes failed attempts over the steps before them, where those are failed attempts, too. The
/// bounds leave out the partitions of other weeks.
pub(crate) const APPEND_OVER: &str = "UPDATE deliveries AS log SET at_ms = $1, attempt = line.attempt, due_ms = line.due_ms, \
     reason = line.reason, detail = line.detail \
     FROM unnest($2::uuid[], $3::integer[], $4::integer[], $5::integer[], $6::bigint[], $7::text[], $8::text[]) \
     AS line (event_id, sink, step, attempt, due_ms, reason, detail) \
     WHERE log.event_id = line.event_id AND log.sink = line.sink AND log.step = line.step - 1 AND log.state = 'retry' \
     AND log.event_id BETWEEN $9 AND $10 RETURNING log.event_id, log.sink";
/// Every step of every delivery of an event.
pub(crate) const STEPS: &str = "SELECT sinks.name, at_ms, state, attempt, due_ms, reason, detail FROM deliveries \
     JOIN sinks ON sinks.id = deliveries.sink WHERE event_id = $1 ORDER BY sink, step LIMIT $2";
/// Which of these events have a delivery to a sink.
pub(crate) const KNOWN: &str = "SELECT event_id FROM deliveries WHERE event_id = ANY ($1) AND sink = $2 AND step = 0 \
     AND event_id BETWEEN $3 AND $4";

/// One line of the log.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) event: RowId,
    pub(super) sink: i32,
    pub(super) step: u32,
    pub(super) state: DeliveryState,
    pub(super) attempt: u32,
    pub(super) due_ms: Option<i64>,
    pub(super) reason: Option<(&'a str, &'a str)>,
}

impl Line<'_> {
    /// Whether it takes the place of the failed attempt before it, if that is one.
    fn may_be_over(&self) -> bool {
        self.state == DeliveryState::Retry && self.step >= LOG_STEPS_MAX
    }

    fn key(&self) -> (Uuid, i32) {
        (self.event.0, self.sink)
    }
}

/// Columns of lines.
#[derive(Default)]
struct Columns<'a> {
    events: Vec<Uuid>,
    sinks: Vec<i32>,
    steps: Vec<i32>,
    states: Vec<&'static str>,
    attempts: Vec<i32>,
    due_ms: Vec<Option<i64>>,
    reasons: Vec<Option<&'a str>>,
    details: Vec<Option<Cow<'a, str>>>,
    weeks: Vec<i32>,
}

impl<'a> Columns<'a> {
    fn of<'l: 'a>(lines: impl Iterator<Item = &'a Line<'l>>) -> Self {
        let mut columns = Self::default();
        for line in lines {
            columns.events.push(line.event.0);
            columns.sinks.push(line.sink);
            columns.steps.push(int(line.step));
            columns.states.push(line.state.name());
            columns.attempts.push(int(line.attempt));
            columns.due_ms.push(line.due_ms);
            columns.reasons.push(line.reason.map(|(code, _)| code));
            columns.details.push(line.reason.map(|(_, detail)| kept(detail)));
            columns.weeks.push(int(Week::of_row(line.event).number()));
        }
        columns
    }
}

/// The deliveries whose log was changed: the event and the sink of each.
pub(super) type Logged = BTreeSet<(Uuid, i32)>;

/// Appends lines, unless a step is there already. Returns those that were appended.
pub(super) async fn append(
    transaction: &Transaction<'_>,
    lines: &[&Line<'_>],
    at_ms: i64,
) -> Result<Logged, Failure> {
    let it = Columns::of(lines.iter().copied());
    if it.events.is_empty() {
        return Ok(Logged::new());
    }
    let mut weeks = it.weeks.clone();
    weeks.sort_unstable();
    weeks.dedup();
    let append = transaction.prepare_cached(APPEND).await?;
    let rows = transaction
        .query(
            &append,
            &[
                &at_ms,
                &it.events,
                &it.sinks,
                &it.steps,
                &it.states,
                &it.attempts,
                &it.due_ms,
                &it.reasons,
                &it.details,
                &it.weeks,
                &weeks,
            ],
        )
        .await?;
    rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect()
}

/// Records one step of each of these deliveries. A failed attempt after many takes the place of the
/// one before it. Returns those.
pub(super) async fn record(
    transaction: &Transaction<'_>,
    lines: &[Line<'_>],
    at_ms: i64,
) -> Result<Logged, Failure> {
    let over = append_over(transaction, lines, at_ms).await?;
    let appended: Vec<_> = lines.iter().filter(|line| !over.contains(&line.key())).collect();
    append(transaction, &appended, at_ms).await?;
    Ok(over)
}

async fn append_over(
    transaction: &Transaction<'_>,
    lines: &[Line<'_>],
    at_ms: i64,
) -> Result<Logged, Failure> {
    let it = Columns::of(lines.iter().filter(|line| line.may_be_over()));
    let (Some(first), Some(last)) = (it.events.iter().min(), it.events.iter().max()) else {
        return Ok(Logged::new());
    };
    let append_over = transaction.prepare_cached(APPEND_OVER).await?;
    let rows = transaction
        .query(
            &append_over,
            &[
                &at_ms,
                &it.events,
                &it.sinks,
                &it.steps,
                &it.attempts,
                &it.due_ms,
                &it.reasons,
                &it.details,
                first,
                last,
            ],
        )
        .await?;
    rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect()
}

/// Every step of every delivery of an event.
pub(super) async fn steps(
    snapshot: &Transaction<'_>,
    event: RowId,
) -> Result<Vec<DeliveryStep>, Failure> {
    let steps = snapshot.prepare_cached(STEPS).await?;
    let rows = snapshot.query(&steps, &[&event.0, &i64::from(STEPS_MAX)]).await?;
    let step = |row| {
        Ok(DeliveryStep {
            sink: text(row, 0)?,
            at_ms: get(row, 1)?,
            state: DeliveryState::from_name(get(row, 2)?).ok_or(Failure::Column("state"))?,
            attempt: small_count(row, 3)?,
            due_ms: get(row, 4)?,
            reason: get(row, 5)?,
            detail: text_or_null(row, 6)?,
        })
    };
    rows.iter().map(step).collect()
}

/// Those of these events that have a delivery to a sink.
pub(super) async fn known(
    snapshot: &Transaction<'_>,
    events: &[Uuid],
    sink: i32,
) -> Result<BTreeSet<Uuid>, Failure> {
    let (Some(first), Some(last)) = (events.iter().min(), events.iter().max()) else {
        return Ok(BTreeSet::new());
    };
    let known = snapshot.prepare_cached(KNOWN).await?;
    let rows = snapshot.query(&known, &[&events, &sink, first, last]).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}
