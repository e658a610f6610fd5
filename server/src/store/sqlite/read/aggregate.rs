//! Counting events by a key, along the same indexes as lists of events, over a limited number of
//! rows.

use std::ops::ControlFlow;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::events::{BY_ID, Conditions, index, push_span, select};
use crate::store::apply::StoredLedger;
use crate::store::event_tally::EventTally;
use crate::store::sqlite::apply::ledgers;
use crate::store::sqlite::file::columns::row_id;
use crate::store::sqlite::weeks::catalog;
use crate::store::sqlite::weeks::readers::Reading;
use crate::store::sqlite::weeks::runs;
use crate::store::{Aggregate, AggregateQuery, EventClock, EventQuery, Grouping, RowId};

/// The most files that one count reads: more than a quarter of a year.
const WEEKS_MAX: usize = 16;
/// Counts events, newest first. The span of time bounds how many files are read.
pub(crate) fn over_weeks(
    reading: &Reading<'_>,
    query: &AggregateQuery,
) -> rusqlite::Result<Aggregate> {
    let mut tally = EventTally::new(reading.budget());
    let scopes = match query.filter.producer {
        Some(producer) => ledgers::of_producer(reading, producer, query.filter.source.as_deref())?,
        None => Vec::new(),
    };
    for week in catalog::between(reading, query.filter.weeks(), WEEKS_MAX)? {
        reading.week(week, |events| count(events, query, &scopes, &mut tally))?;
        if tally.is_full() {
            break;
        }
    }
    Ok(tally.finish(query))
}

/// Counts the events of one file, newest first.
fn count(
    connection: &Connection,
    query: &AggregateQuery,
    scopes: &[StoredLedger],
    tally: &mut EventTally,
) -> rusqlite::Result<()> {
    let Some(producer) = query.filter.producer else {
        return read(connection, query, statement(query), tally);
    };
    for StoredLedger { ledger, .. } in scopes {
        runs::walk(connection, producer, ledger.scope(), None, |run| {
            if query.filter.is_in_time(run.first_id) {
                read(connection, query, in_span(query, run.span()), tally)?;
            } else {
                tally.look_at(run.first_id);
            }
            Ok(if tally.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
    }
    Ok(())
}

/// Counts the events that a statement returns.
fn read(
    connection: &Connection,
    query: &AggregateQuery,
    (sql, values): (String, Vec<Value>),
    tally: &mut EventTally,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        if !tally.look_at(row_id(row, 0)?) {
            break;
        }
        let properties = row.get_ref(2)?.as_str_or_null()?;
        if row.get::<_, Option<bool>>(3)? != Some(true) || !query.filter.has_properties(properties)
        {
            continue;
        }
        match &query.by {
            Grouping::Name | Grouping::Kind => tally.count_text(row.get_ref(1)?.as_str()?),
            Grouping::Day | Grouping::Hour => tally.count_time(query, row.get(1)?),
            Grouping::Property(path) => tally.count_property(path, properties),
        }
    }
    Ok(())
}

/// A statement that returns the keys of rows along the best index. For the events of one producer,
/// use [`in_span`] for each of its runs instead.
pub(crate) fn statement(query: &AggregateQuery) -> (String, Vec<Value>) {
    let filter = &query.filter;
    let list = EventQuery { filter: filter.clone(), after: None, limit: 0 };
    let mut seek = Conditions::default();
    push_span(&mut seek, &list);
    select(&columns(query), filter, index(filter), seek)
}

/// The same for rows with ids in a span, both ends included.
pub(crate) fn in_span(query: &AggregateQuery, span: (RowId, RowId)) -> (String, Vec<Value>) {
    select(&columns(query), &query.filter, BY_ID, Conditions::span(span))
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
        Grouping::Property(_) => "NULL",
    };
    let by_property = matches!(query.by, Grouping::Property(_));
    let needs_properties = by_property || !query.filter.properties.is_empty();
    format!("id, {key}, {}", if needs_properties { "properties" } else { "NULL" })
}
