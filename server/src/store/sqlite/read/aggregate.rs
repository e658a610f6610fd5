//! Counting events by a key, along the same indexes as lists of events, over a limited number of
//! rows.

use std::collections::HashMap;
use std::ops::ControlFlow;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::event_pages::span;
use super::events::{BY_ID, Conditions, index, is_in_time, json_path, push_span, select};
use crate::store::sqlite::file::columns::row_id;
use crate::store::sqlite::weeks::catalog;
use crate::store::sqlite::weeks::readers::Reading;
use crate::store::sqlite::weeks::runs;
use crate::store::{Aggregate, AggregateQuery, EventClock, EventQuery, Grouping, RowId};

/// The most rows that one count reads.
const SCAN_ROWS_MAX: u64 = 2_000_000;
/// The most files that one count reads: more than a quarter of a year.
const WEEKS_MAX: usize = 16;
/// The most keys that are counted apart. Events under any other key are counted together.
const KEYS_MAX: usize = 50_000;
/// The most counts that are returned.
const ROWS_MAX: usize = 1_000;

/// A row's id, and a property as text: a string as it is, anything else as its JSON text.
const PROPERTY: &str = "id, CASE json_type(properties, ?) WHEN 'text' THEN json_extract(properties, ?) \
     ELSE properties -> ? END";

/// A count that continues from one file of events to the next.
#[derive(Debug, Default)]
struct Tally {
    counts: HashMap<Option<String>, u64>,
    other: u64,
    looked_at: u64,
    from_ms: Option<i64>,
}

impl Tally {
    /// Whether the limit of rows was reached.
    fn is_full(&self) -> bool {
        self.from_ms.is_some()
    }

    /// Whether another row may be read.
    fn look_at(&mut self, id: RowId) -> bool {
        if self.looked_at >= SCAN_ROWS_MAX {
            // This millisecond is counted only in part, so the count covers what comes after it.
            self.from_ms = Some(ms_of(id.0.as_u128()).saturating_add(1));
            return false;
        }
        self.looked_at += 1;
        true
    }

    fn count(&mut self, key: Option<String>) {
        if let Some(count) = self.counts.get_mut(&key) {
            *count += 1;
        } else if self.counts.len() < KEYS_MAX {
            self.counts.insert(key, 1);
        } else {
            self.other += 1;
        }
    }

    /// The largest counts.
    fn finish(self) -> Aggregate {
        let Self { counts, mut other, from_ms, .. } = self;
        let mut rows: Vec<(Option<String>, u64)> = counts.into_iter().collect();
        rows.sort_unstable_by(|(a, count_a), (b, count_b)| count_b.cmp(count_a).then(a.cmp(b)));
        other += rows.iter().skip(ROWS_MAX).map(|(_, count)| count).sum::<u64>();
        rows.truncate(ROWS_MAX);
        Aggregate { rows, other, from_ms }
    }
}

/// Counts events, newest first. The span of time bounds how many files are read.
pub(crate) fn over_weeks(
    reading: &Reading<'_>,
    query: &AggregateQuery,
) -> rusqlite::Result<Aggregate> {
    let mut tally = Tally::default();
    for week in catalog::between(reading, span(&query.filter), WEEKS_MAX)? {
        reading.week(week, |events| count(events, query, &mut tally))?;
        if tally.is_full() {
            break;
        }
    }
    Ok(tally.finish())
}

/// Counts the events of one file, newest first.
fn count(
    connection: &Connection,
    query: &AggregateQuery,
    tally: &mut Tally,
) -> rusqlite::Result<()> {
    let Some(producer) = query.filter.producer else {
        return read(connection, query, statement(query), tally);
    };
    runs::walk(connection, producer, None, |run| {
        if is_in_time(&query.filter, run.first_id) {
            read(connection, query, in_span(query, run.span()), tally)?;
        } else {
            tally.look_at(run.first_id);
        }
        Ok(if tally.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
}

/// Counts the events that a statement returns.
fn read(
    connection: &Connection,
    query: &AggregateQuery,
    (sql, values): (String, Vec<Value>),
    tally: &mut Tally,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        if !tally.look_at(row_id(row, 0)?) {
            break;
        }
        if row.get::<_, Option<bool>>(2)? != Some(true) {
            continue;
        }
        let key = match &query.by {
            Grouping::Name | Grouping::Kind | Grouping::Property(_) => row.get(1)?,
            Grouping::Day => Some(query.calendar.day(row.get(1)?)),
            Grouping::Hour => Some(query.calendar.hour(row.get(1)?)),
        };
        tally.count(key);
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
    select(key(query), filter, index(filter), seek)
}

/// The same for rows with ids in a span, both ends included.
pub(crate) fn in_span(query: &AggregateQuery, span: (RowId, RowId)) -> (String, Vec<Value>) {
    select(key(query), &query.filter, BY_ID, Conditions::span(span))
}

/// A row's id and the key that it is counted under.
fn key(query: &AggregateQuery) -> (&'static str, Vec<Value>) {
    match &query.by {
        Grouping::Name => ("id, name", Vec::new()),
        Grouping::Kind => ("id, type", Vec::new()),
        Grouping::Day | Grouping::Hour => match query.calendar.clock {
            EventClock::Received => ("id, received_ms", Vec::new()),
            EventClock::Happened => ("id, time_ms", Vec::new()),
        },
        Grouping::Property(path) => {
            let path = Value::Text(json_path(path));
            (PROPERTY, vec![path.clone(), path.clone(), path])
        }
    }
}

/// The time in a row's id.
fn ms_of(id: u128) -> i64 {
    i64::try_from(id >> 80).unwrap_or(i64::MAX)
}
