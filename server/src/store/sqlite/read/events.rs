//! Events in one file. Every list is read along one index, or along the runs of one producer, from
//! where the last page ended. Other conditions are tested row by row, over a limited number of
//! rows.

use std::ops::ControlFlow;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use crate::store::event_page::PagePart;
use crate::store::page_budget::PageBudget;
use crate::store::sqlite::file::columns::{number, payload_id, producer_bytes, row_id};
use crate::store::sqlite::weeks::{profile_versions, runs};
use crate::store::week::first_row_at;
use crate::store::{EventFilter, EventIndex, EventQuery, EventRow, Position, ProfileKey, RowId};

/// What [`event_row`] reads, in its order.
pub(crate) const COLUMNS: &str = "id, type, name, source, ts_ms, time_ms, received_ms, created_day, user_id, \
     anonymous_id, session, producer, seq, event_id, payload_id, payload_index, properties, context, monitor, enrichment, profile, profile_revision";
/// The number of columns in [`COLUMNS`]. Whatever is selected after them begins here.
pub(crate) const COLUMN_COUNT: usize = 22;

/// The events of one file that `query` asks for, as far as `budget` allows.
pub(crate) fn scan(
    connection: &Connection,
    query: &EventQuery,
    budget: &mut PageBudget,
) -> rusqlite::Result<PagePart> {
    let mut found = PagePart::default();
    read(&mut found, connection, &query.filter, statement(query), budget, row_position)?;
    Ok(found)
}

/// The events of the query's producer in one file, of those whose numbers count in `scope`.
pub(crate) fn scan_numbers(
    connection: &Connection,
    query: &EventQuery,
    scope: &str,
    budget: &mut PageBudget,
) -> rusqlite::Result<PagePart> {
    let mut found = PagePart::default();
    let Some(producer) = query.filter.producer else { return Ok(found) };
    // The same number may be in a row of another scope, before or after the position.
    let place = match query.after {
        Some(Position::Seq(seq, id)) => Some((seq, id)),
        _ => None,
    };
    let before = place.map(|(seq, _)| seq.saturating_add(1));
    runs::walk(connection, producer, scope, before, |run| {
        let Some(run) = run.before(place) else { return Ok(ControlFlow::Continue(())) };
        if budget.is_spent() {
            found.has_more = true;
        } else if query.filter.is_in_time(run.first_id) {
            let statement = in_span(&query.filter, run.span());
            read(&mut found, connection, &query.filter, statement, budget, seq_position)?;
        } else {
            budget.take_row();
            found.last = Some(Position::Seq(run.first, run.first_id));
        }
        Ok(if found.has_more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

/// Reads more of a part, as far as `budget` allows.
fn read(
    part: &mut PagePart,
    connection: &Connection,
    filter: &EventFilter,
    (sql, values): (String, Vec<Value>),
    budget: &mut PageBudget,
    position: fn(&Row<'_>) -> rusqlite::Result<Position>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        if budget.is_spent() {
            part.has_more = true;
            break;
        }
        budget.take_row();
        part.last = Some(position(row)?);
        if matches(row, filter)? {
            let event = event_row(connection, row)?;
            budget.take_event(event.json_bytes());
            part.events.push(event);
        }
    }
    Ok(())
}

fn row_position(row: &Row<'_>) -> rusqlite::Result<Position> {
    Ok(Position::Row(row_id(row, 0)?))
}

fn seq_position(row: &Row<'_>) -> rusqlite::Result<Position> {
    Ok(Position::Seq(row.get(12)?, row_id(row, 0)?))
}

/// Whether a row with [`COLUMNS`] holds all that `filter` names and its index does not answer.
pub(crate) fn matches(row: &Row<'_>, filter: &EventFilter) -> rusqlite::Result<bool> {
    let holds: Option<bool> = row.get(COLUMN_COUNT)?;
    Ok(holds == Some(true) && filter.has_properties(row.get_ref(16)?.as_str_or_null()?))
}

/// A statement that returns rows along the best index, each with whether all conditions hold but
/// those of properties. For the events of one producer, use [`in_span`] for each of its runs
/// instead.
pub(crate) fn statement(query: &EventQuery) -> (String, Vec<Value>) {
    let mut seek = Conditions::default();
    push_span(&mut seek, query);
    select(COLUMNS, &query.filter, index(&query.filter), seek)
}

/// The same for rows with ids in a span, both ends included.
pub(crate) fn in_span(filter: &EventFilter, span: (RowId, RowId)) -> (String, Vec<Value>) {
    select(COLUMNS, filter, BY_ID, Conditions::span(span))
}

/// A statement that returns `columns` of the rows that `seek` finds in an index, last first, and
/// after them whether the conditions of `filter` hold that the index does not answer.
pub(crate) fn select(
    columns: &str,
    filter: &EventFilter,
    index: &str,
    mut seek: Conditions,
) -> (String, Vec<Value>) {
    let mut check = Conditions::default();
    if let Some(producer) = filter.producer {
        check.push("producer = ?", [Value::Blob(producer_bytes(producer).to_vec())]);
    }
    let mut text = |field: &str, value: &Option<String>, index_is: &str| {
        if let Some(value) = value {
            let side = if index == index_is { &mut seek } else { &mut check };
            side.push(&format!("{field} = ?"), [Value::Text(value.clone())]);
        }
    };
    text("user_id", &filter.user, "events_user");
    text("name", &filter.name, "events_name");
    text("source", &filter.source, "");
    if let Some(kind) = filter.kind {
        let is = [Value::Text(kind.name().to_owned())];
        if index == "events_type" {
            // Written as in the index, so that SQLite uses it.
            seek.push("type <> 'default' AND type = ?", is);
        } else {
            check.push("type = ?", is);
        }
    }
    if let Some(from_ms) = filter.happened_from_ms {
        check.push("time_ms >= ?", [Value::Integer(from_ms)]);
    }
    if let Some(to_ms) = filter.happened_to_ms {
        check.push("time_ms < ?", [Value::Integer(to_ms)]);
    }
    let tests = check.sql.join(" AND ");
    let tests = if tests.is_empty() { "1" } else { tests.as_str() };
    let seeks = seek.sql.join(" AND ");
    let sql = format!(
        "SELECT {columns}, ({tests}) FROM events INDEXED BY {index} WHERE {seeks} ORDER BY id DESC"
    );
    // In the order in which they occur in the statement.
    let mut values = check.values;
    values.extend(seek.values);
    (sql, values)
}

/// The index of all rows.
pub(crate) const BY_ID: &str = "events_id";

/// The name of the index that a filter is read along.
pub(crate) fn index(filter: &EventFilter) -> &'static str {
    match filter.index() {
        EventIndex::User => "events_user",
        EventIndex::Name => "events_name",
        EventIndex::Kind => "events_type",
        EventIndex::Id => BY_ID,
    }
}

/// Where to start and to end. A row id begins with its time of receipt, so a span of time is a span
/// of ids.
pub(crate) fn push_span(seek: &mut Conditions, query: &EventQuery) {
    let filter = &query.filter;
    let from = filter.from_ms.map_or(Uuid::nil(), |ms| first_row_at(ms).0);
    seek.push("id >= ?", [Value::Blob(from.as_bytes().to_vec())]);
    if let Some(to) = filter.to_ms {
        seek.push("id < ?", [Value::Blob(first_row_at(to).0.as_bytes().to_vec())]);
    }
    if let Some(Position::Row(RowId(id))) = query.after {
        seek.push("id < ?", [Value::Blob(id.as_bytes().to_vec())]);
    }
}

/// Conditions that must all hold, and the values in them.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) sql: Vec<String>,
    pub(crate) values: Vec<Value>,
}

impl Conditions {
    /// That an id is in a span, both ends included.
    pub(crate) fn span((first, last): (RowId, RowId)) -> Self {
        let mut seek = Self::default();
        let ends = [first, last].map(|id| Value::Blob(id.0.as_bytes().to_vec()));
        seek.push("id BETWEEN ? AND ?", ends);
        seek
    }

    pub(crate) fn push(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push(sql.to_owned());
        self.values.extend(values);
    }
}

/// The event with this id.
pub(crate) fn by_id(connection: &Connection, id: RowId) -> rusqlite::Result<Option<EventRow>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM events WHERE id = ?1"))?
        .query_row([id.0.as_bytes()], |row| event_row(connection, row))
        .optional()
}

/// Reads an event from [`COLUMNS`].
pub(crate) fn event_row(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<EventRow> {
    let mut event = EventRow {
        id: row_id(row, 0)?,
        kind: row.get(1)?,
        name: row.get(2)?,
        source: row.get(3)?,
        ts_ms: row.get(4)?,
        time_ms: row.get(5)?,
        received_ms: row.get(6)?,
        created_day: row.get(7)?,
        user_id: row.get(8)?,
        anonymous_id: row.get(9)?,
        session: row.get(10)?,
        number: number(row, 11)?,
        event_id: row.get(13)?,
        payload: payload_id(row, 14)?,
        index: row.get(15)?,
        properties_json: row.get(16)?,
        context_json: row.get(17)?,
        monitor_json: row.get(18)?,
        enrichment_json: row.get(19)?,
        profile_json: row.get(20)?,
        outdated_traits: Vec::new(),
    };
    if let Some(revision) = row.get(21)? {
        let key = ProfileKey::new(event.user_id.as_deref(), event.anonymous_id.as_deref());
        let key = key.map(|key| key.to_string()).unwrap_or_default();
        event.profile_json = profile_versions::find(connection, &key, revision)?;
    }
    Ok(event.with_valid_unicode())
}
