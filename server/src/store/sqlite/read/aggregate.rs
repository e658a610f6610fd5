//! Counting events by a key, along the same indexes as lists of events, over a limited number of
//! rows.

use std::collections::HashMap;
use std::ops::ControlFlow;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::event_pages::span;
use super::events::{BY_ID, Conditions, index, is_in_time, push_span, select};
use crate::store::apply::StoredLedger;
use crate::store::sqlite::apply::ledgers;
use crate::store::sqlite::file::columns::row_id;
use crate::store::sqlite::file::read_end::TimeBudget;
use crate::store::sqlite::weeks::catalog;
use crate::store::sqlite::weeks::readers::Reading;
use crate::store::sqlite::weeks::runs;
use crate::store::{
    Aggregate, AggregateQuery, CanonicalJson, EventClock, EventQuery, Grouping, RowId,
};

/// The most rows that one count reads.
const SCAN_ROWS_MAX: u64 = 2_000_000;
/// The most files that one count reads: more than a quarter of a year.
const WEEKS_MAX: usize = 16;
/// The most keys that are counted apart. Events under any other key are counted together.
const KEYS_MAX: usize = 50_000;
/// The most counts that are returned.
const ROWS_MAX: usize = 1_000;

/// What an event is counted under.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Text(String),
    Property(Option<CanonicalJson>),
}

/// A count that continues from one file of events to the next.
#[derive(Debug, Default)]
struct Tally {
    time: TimeBudget,
    counts: HashMap<Key, u64>,
    other: u64,
    looked_at: u64,
    from_ms: Option<i64>,
}

impl Tally {
    /// Whether the limit of rows or of time was reached.
    fn is_full(&self) -> bool {
        self.from_ms.is_some()
    }

    /// Whether another row may be read.
    fn look_at(&mut self, id: RowId) -> bool {
        if self.looked_at >= SCAN_ROWS_MAX || self.time.is_spent() {
            // This millisecond is counted only in part, so the count covers what comes after it.
            self.from_ms = Some(ms_of(id.0.as_u128()).saturating_add(1));
            return false;
        }
        self.looked_at += 1;
        true
    }

    fn count(&mut self, key: Key) {
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
        let key = |key: Key| match key {
            Key::Text(text) => Some(CanonicalJson::string(&text)),
            Key::Property(value) => value,
        };
        let mut rows: Vec<(Option<CanonicalJson>, u64)> =
            counts.into_iter().map(|(text, count)| (key(text), count)).collect();
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
    let mut tally = Tally { time: reading.budget(), ..Tally::default() };
    let scopes = match query.filter.producer {
        Some(producer) => ledgers::of_producer(reading, producer, query.filter.source.as_deref())?,
        None => Vec::new(),
    };
    for week in catalog::between(reading, span(&query.filter), WEEKS_MAX)? {
        reading.week(week, |events| count(events, query, &scopes, &mut tally))?;
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
    scopes: &[StoredLedger],
    tally: &mut Tally,
) -> rusqlite::Result<()> {
    let Some(producer) = query.filter.producer else {
        return read(connection, query, statement(query), tally);
    };
    for StoredLedger { ledger, .. } in scopes {
        runs::walk(connection, producer, ledger.scope(), None, |run| {
            if is_in_time(&query.filter, run.first_id) {
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
    tally: &mut Tally,
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
        let key = match &query.by {
            Grouping::Name | Grouping::Kind => Key::Text(row.get(1)?),
            Grouping::Day => Key::Text(query.calendar.day(row.get(1)?)),
            Grouping::Hour => Key::Text(query.calendar.hour(row.get(1)?)),
            Grouping::Property(path) => Key::Property(path.value(properties)),
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

/// The time in a row's id.
fn ms_of(id: u128) -> i64 {
    i64::try_from(id >> 80).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_whose_time_is_up_says_from_when_on_it_counted() {
        let mut tally = Tally { time: TimeBudget::spent(), ..Tally::default() };
        let id = |ms: u128| RowId(uuid::Uuid::from_u128(ms << 80));
        let mut read = 0;
        while tally.look_at(id(1_000_000 - read)) {
            read += 1;
        }
        assert_eq!(read, 255, "it reads some rows, however late it is");
        let ended_ms = i64::try_from(1_000_000 - read).unwrap();
        assert_eq!((tally.is_full(), tally.finish().from_ms), (true, Some(ended_ms + 1)));
    }
}
