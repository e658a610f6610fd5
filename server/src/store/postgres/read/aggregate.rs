//! Counting events by a key, along the same indexes as lists of events, over a limited number of
//! rows.

use lamplight_wire::Producer;
use tokio_postgres::Row;
use uuid::Uuid;

use super::event_scan::{self, span};
use super::reading::Reading;
use super::runs;
use crate::store::event_tally::EventTally;
use crate::store::postgres::apply::{ledgers, weeks};
use crate::store::postgres::columns::{get, row_id, text};
use crate::store::postgres::connection::failure::Failure;
use crate::store::{Aggregate, AggregateQuery, EventClock, Grouping, Week};

/// The most weeks that one count reads: more than a quarter of a year.
const WEEKS_MAX: usize = 16;
/// How many rows are looked at in one statement.
const LOOKED_AT: u32 = 2_048;
/// The same if their properties are needed, which may be large.
const LOOKED_AT_WITH_PROPERTIES: u32 = 512;

/// Counts events, newest first. The span of time bounds how many weeks are read.
pub(crate) async fn over_weeks(
    reading: &Reading<'_>,
    query: &AggregateQuery,
) -> Result<Aggregate, Failure> {
    let mut tally = EventTally::new(reading.budget());
    let scopes = match query.filter.producer {
        Some(producer) => {
            ledgers::of_producer(reading, producer, query.filter.source.as_deref()).await?
        }
        None => Vec::new(),
    };
    for week in weeks::between(reading, query.filter.weeks(), WEEKS_MAX).await? {
        match query.filter.producer {
            None => count(reading, query, week, &mut tally).await?,
            Some(producer) => {
                for stored in &scopes {
                    let owner = (producer, stored.ledger.scope());
                    count_numbers(reading, query, owner, week, &mut tally).await?;
                }
            }
        }
        if tally.is_full() {
            break;
        }
    }
    Ok(tally.finish(query))
}

/// Counts the events of one week, newest first.
async fn count(
    reading: &Reading<'_>,
    query: &AggregateQuery,
    week: Week,
    tally: &mut EventTally,
) -> Result<(), Failure> {
    let (from, mut to) = span(&query.filter, week, None);
    let rows_max = if needs_properties(query) { LOOKED_AT_WITH_PROPERTIES } else { LOOKED_AT };
    while from < to {
        let statement =
            event_scan::along_index(&columns(query), &query.filter, (from, to), rows_max);
        let rows = statement.query(reading).await?;
        take(&rows, query, tally)?;
        if tally.is_full() || rows.len() < rows_max as usize {
            break;
        }
        to = rows.last().map_or(Ok(from), |row| get(row, 0))?;
    }
    Ok(())
}

/// Counts the events of one producer in one week and scope.
async fn count_numbers(
    reading: &Reading<'_>,
    query: &AggregateQuery,
    owner: (Producer, &str),
    week: Week,
    tally: &mut EventTally,
) -> Result<(), Failure> {
    let mut before = u64::MAX;
    loop {
        let found = runs::before(reading, owner, week, before).await?;
        let mut ids: Vec<Uuid> = Vec::new();
        for (at, run) in found.iter().enumerate() {
            before = run.first;
            if query.filter.is_in_time(run.first_id) {
                ids.extend((run.first..=run.last).rev().map(|seq| run.row(seq).0));
            } else if !tally.look_at(run.first_id) {
                return Ok(());
            }
            let is_enough = ids.len() >= LOOKED_AT_WITH_PROPERTIES as usize;
            if !ids.is_empty() && (is_enough || at + 1 == found.len()) {
                let ids = std::mem::take(&mut ids);
                let mut rows =
                    event_scan::of_ids(&columns(query), &query.filter, ids).query(reading).await?;
                rows.sort_by_cached_key(|row| std::cmp::Reverse(get::<Uuid>(row, 0).ok()));
                take(&rows, query, tally)?;
                if tally.is_full() {
                    return Ok(());
                }
            }
        }
        if found.len() < runs::AT_A_TIME {
            return Ok(());
        }
    }
}

/// Counts the events of rows with [`columns`].
fn take(rows: &[Row], query: &AggregateQuery, tally: &mut EventTally) -> Result<(), Failure> {
    for row in rows {
        if !tally.look_at(row_id(row, 0)?) {
            break;
        }
        let properties: Option<&str> = get(row, 2)?;
        if !get::<bool>(row, 3)? || !query.filter.has_properties(properties) {
            continue;
        }
        match &query.by {
            Grouping::Name | Grouping::Kind => tally.count_text(&text(row, 1)?),
            Grouping::Day | Grouping::Hour => tally.count_time(query, get(row, 1)?),
            Grouping::Property(path) => tally.count_property(path, properties),
        }
    }
    Ok(())
}

fn needs_properties(query: &AggregateQuery) -> bool {
    matches!(query.by, Grouping::Property(_)) || !query.filter.properties.is_empty()
}

/// A row's id, the key that it is counted under, and its properties if the count needs them.
fn columns(query: &AggregateQuery) -> String {
    let key = match &query.by {
        Grouping::Name => "name",
        Grouping::Kind => "type",
        Grouping::Day | Grouping::Hour => match query.calendar.clock {
            EventClock::Received => "received_ms",
            EventClock::Happened => "time_ms",
        },
        Grouping::Property(_) => "NULL::text",
    };
    let properties = if needs_properties(query) { "properties::text" } else { "NULL::text" };
    format!("id, {key}, {properties}")
}
