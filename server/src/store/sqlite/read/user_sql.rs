//! SQL statements that users write. They can only read.
//!
//! Four barriers, each of which would suffice: the files are opened read-only, the connection is
//! `query_only`, an authorizer allows only reads while the statement is compiled, and SQLite must
//! report that the statement is read-only. Time, rows and bytes are bounded. The connection is used
//! once and closed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use data_encoding::HEXLOWER;
use rusqlite::functions::FunctionFlags;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Statement};
use serde_json::Value;

use super::event_pages::span;
use super::events;
use crate::store::sqlite::file::connection::open_reader;
use crate::store::sqlite::weeks::{catalog, open, profile_versions};
use crate::store::{PropertyPath, SqlError, SqlQuery, SqlTable, Week};

/// The largest text or blob that a statement may build, in bytes.
const VALUE_BYTES_MAX: i32 = 4 * 1024 * 1024;
/// The most files of events that one statement sees: as many as SQLite attaches.
const WEEKS_MAX: usize = 10;
/// The longest statement, in bytes.
const SQL_BYTES_MAX: i32 = 64 * 1024;
/// How many steps of SQLite's virtual machine run between two checks of the time limit.
const STEPS: i32 = 10_000;

/// Runs a statement. It stops early once `is_gone` is true.
pub(crate) fn run(
    path: &Path,
    query: &SqlQuery,
    is_gone: Arc<AtomicBool>,
) -> rusqlite::Result<Result<SqlTable, SqlError>> {
    let (mut connection, weeks) = open(path, query)?;
    let is_late = Arc::new(AtomicBool::new(false));
    guard(&mut connection, query.time_max, &is_late, is_gone)?;
    let table = connection.prepare(&query.sql).and_then(|mut statement| {
        if statement.readonly() { read(&mut statement, query).map(Some) } else { Ok(None) }
    });
    Ok(match table {
        Ok(Some(table)) => Ok(SqlTable { weeks, ..table }),
        Ok(None) => Err(SqlError::NotReadOnly),
        Err(_) if is_late.load(Ordering::Relaxed) => Err(SqlError::TooSlow(query.time_max)),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly) => {
                Err(SqlError::NotReadOnly)
            }
            _ => Err(SqlError::Invalid(error.to_string())),
        },
    })
}

/// Opens store.db with the files of events attached, which the view `events` combines. The view
/// `numbered` has the same columns for events with a sequence number, and finds those of one
/// producer without reading the others.
fn open(path: &Path, query: &SqlQuery) -> rusqlite::Result<(Connection, Vec<Week>)> {
    let connection = open_reader(path)?;
    // Large sorts go to temporary files, so that one statement cannot use up the memory.
    connection.execute_batch("PRAGMA temp_store = FILE; PRAGMA query_only = OFF;")?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let weeks = catalog::between(&connection, span(&query.filter), WEEKS_MAX)?;
    let (mut parts, mut with_numbers) = (Vec::new(), Vec::new());
    for (at, week) in weeks.iter().enumerate() {
        let file = open::path(folder, *week);
        // Attached files are opened like the first one: read-only.
        connection.execute(&format!("ATTACH ?1 AS week{at}"), [file.to_string_lossy()])?;
        let file = format!("week{at}");
        parts.push(format!("SELECT {} FROM {file}.events AS event", columns(&file, "event")));
        with_numbers.push(numbered(&format!("week{at}")));
    }
    if parts.is_empty() {
        let nulls: Vec<String> = column_names().map(|name| format!("NULL AS {name}")).collect();
        let nothing = format!("SELECT {} WHERE false", nulls.join(", "));
        parts.push(nothing.clone());
        with_numbers.push(nothing);
    }
    connection.execute_batch(&format!(
        "CREATE TEMP VIEW events AS {}; CREATE TEMP VIEW numbered AS {}; PRAGMA query_only = ON;",
        parts.join(" UNION ALL "),
        with_numbers.join(" UNION ALL ")
    ))?;
    add_property_function(&connection)?;
    profile_versions::add_function(&connection)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    Ok((connection, weeks))
}

/// The columns that statements see.
fn column_names() -> impl Iterator<Item = &'static str> {
    events::COLUMNS.split(", ").filter(|name| *name != "profile_revision")
}

/// The columns of `event`, a row of events in `file`, with the producer of another row.
fn columns(file: &str, producer_of: &str) -> String {
    let columns = column_names().map(|name| match name {
        "profile" => format!("{} AS profile", profile_versions::column(file, "event")),
        "producer" => format!("{producer_of}.producer"),
        name => format!("event.{name}"),
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// A statement that returns the events of all runs in `file`, so that runs find those of one
/// producer.
pub(super) fn numbered(file: &str) -> String {
    // The rows of a payload have ids that differ in their last two bytes.
    format!(
        "SELECT {} FROM {file}.runs AS run CROSS JOIN {file}.events AS event \
         ON event.id BETWEEN run.first_id AND CAST(substr(run.first_id, 1, 14) || x'ffff' AS BLOB) \
         AND event.producer = run.producer AND event.seq BETWEEN run.first AND run.last",
        columns(file, "run")
    )
}

/// The function `property(properties, path)`: a property as [`crate::store::CanonicalJson`], as
/// filters compare it and as counts show it. NULL if it is absent or the path cannot be read.
fn add_property_function(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("property", 2, flags, |call| {
        let properties = call.get_raw(0).as_str_or_null()?;
        let path = call.get_raw(1).as_str_or_null()?;
        let path = path.and_then(|path| PropertyPath::parse(path).ok());
        Ok(path.and_then(|path| path.value(properties)).map(|value| value.to_string()))
    })
}

fn guard(
    connection: &mut Connection,
    time_max: Duration,
    is_late: &Arc<AtomicBool>,
    is_gone: Arc<AtomicBool>,
) -> rusqlite::Result<()> {
    connection.authorizer(Some(authorize))?;
    let is_late = Arc::clone(is_late);
    // The monotonic clock, not the clock port: it bounds work and decides nothing.
    let end = tokio::time::Instant::now() + time_max;
    connection.progress_handler(
        STEPS,
        Some(move || {
            let too_late = tokio::time::Instant::now() >= end;
            is_late.fetch_or(too_late, Ordering::Relaxed);
            too_late || is_gone.load(Ordering::Relaxed)
        }),
    )
}

fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        // Key hashes stay hidden: nobody needs them to read events.
        AuthAction::Read { table_name, .. } if table_name.eq_ignore_ascii_case("keys") => {
            Authorization::Deny
        }
        AuthAction::Read { .. } | AuthAction::Select | AuthAction::Recursive => {
            Authorization::Allow
        }
        AuthAction::Function { function_name } if is_harmless(function_name) => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

/// Functions that reach outside the database, or that build very large or invalid values.
fn is_harmless(function: &str) -> bool {
    let not = [
        "load_extension",
        "fts3_tokenizer",
        "readfile",
        "writefile",
        "edit",
        "zeroblob",
        "randomblob",
    ];
    !not.iter().any(|name| function.eq_ignore_ascii_case(name))
}

fn read(statement: &mut Statement<'_>, query: &SqlQuery) -> rusqlite::Result<SqlTable> {
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut table = SqlTable { columns, ..SqlTable::default() };
    let mut rows = statement.query([])?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        if table.rows.len() >= query.rows_max || bytes >= query.bytes_max {
            table.truncated = true;
            break;
        }
        let mut values = Vec::with_capacity(table.columns.len());
        for at in 0..table.columns.len() {
            let value = row.get_ref(at)?;
            bytes += bytes_of(value);
            values.push(json(value));
        }
        table.rows.push(values);
    }
    Ok(table)
}

/// About how many bytes a value takes in memory.
fn bytes_of(value: ValueRef<'_>) -> usize {
    32 + match value {
        ValueRef::Text(text) => text.len(),
        ValueRef::Blob(blob) => 2 * blob.len(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => 0,
    }
}

/// Blobs become hexadecimal digits. Ids are blobs of 16 bytes.
fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(blob) => HEXLOWER.encode(blob).into(),
    }
}
