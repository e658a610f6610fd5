//! SQL statements that users write. They can only read.
//!
//! Four barriers, each of which would suffice: the files are opened read-only, the connection is
//! `query_only`, an authorizer allows only reads while the statement is compiled, and SQLite must
//! report that the statement is read-only. The connection is used once and closed.
//!
//! A statement runs in a process of its own ([`super::sql_worker`]), because nothing inside of
//! SQLite bounds it: one call of a function such as `instr` can run for minutes, in which no
//! progress handler is called, a deep `LIKE` pattern overflows the stack, and each of 2,000 columns
//! can be a value of the largest size. What is bounded here only makes errors more precise.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode};

use super::events;
use super::sql_rows;
use crate::store::sqlite::file::connection::open_reader;
use crate::store::sqlite::weeks::{catalog, open, profile_versions};
use crate::store::{PropertyPath, SqlError, SqlQuery, SqlTable, Week};

/// The largest text or blob that a statement may build, in bytes.
const VALUE_BYTES_MAX: i32 = 4 * 1024 * 1024;
/// The most files of events that one statement sees: as many as SQLite attaches.
const WEEKS_MAX: usize = 10;
/// The longest statement, in bytes.
const SQL_BYTES_MAX: i32 = 64 * 1024;
/// The longest pattern of `LIKE` and `GLOB`, in bytes.
const PATTERN_BYTES_MAX: i32 = 4 * 1024;
/// The longest error message, in characters.
const ERROR_CHARS_MAX: usize = 500;
/// How many steps of SQLite's virtual machine run between two checks of the time limit.
const STEPS: i32 = 1_000;

/// Where large sorts go. On Unix to temporary files, whose size and number the system limits, so
/// that one statement cannot use up the memory. Windows limits no files of a process, so there
/// they count as memory, which is limited.
const TEMPORARIES: &str = if cfg!(unix) { "FILE" } else { "MEMORY" };

/// What a statement runs on.
#[derive(Debug)]
pub(super) struct Opened {
    connection: Connection,
    weeks: Vec<Week>,
}

impl Opened {
    /// Runs a statement.
    pub(super) fn run(mut self, query: &SqlQuery) -> Result<SqlTable, SqlError> {
        let is_late = Arc::new(AtomicBool::new(false));
        let table = guard(&mut self.connection, query.time_max, &is_late)
            .and_then(|()| self.connection.prepare(&query.sql))
            .map_err(Stop::from)
            .and_then(|mut statement| {
                if statement.readonly() {
                    sql_rows::read(&mut statement, query)
                } else {
                    Err(Stop::Refused(SqlError::NotReadOnly))
                }
            });
        match table {
            Ok(table) => Ok(SqlTable { weeks: self.weeks, ..table }),
            Err(Stop::Refused(error)) => Err(error),
            Err(Stop::Sqlite(_)) if is_late.load(Ordering::Relaxed) => {
                Err(SqlError::TooSlow(query.time_max))
            }
            Err(Stop::Sqlite(error)) => Err(refusal(&error)),
        }
    }
}

/// Why a statement ended early.
#[derive(Debug)]
pub(super) enum Stop {
    Sqlite(rusqlite::Error),
    Refused(SqlError),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn refusal(error: &rusqlite::Error) -> SqlError {
    match error.sqlite_error_code() {
        Some(ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly) => {
            SqlError::NotReadOnly
        }
        // SQLite makes no statement of a text without one, and then misuses what it does not have.
        Some(ErrorCode::ApiMisuse) => SqlError::Invalid(
            "the text has no statement: send one that reads, such as SELECT 1".to_owned(),
        ),
        Some(ErrorCode::OutOfMemory) => SqlError::TooMuchMemory,
        // The only files that a statement opens or writes are temporary ones.
        Some(ErrorCode::CannotOpen | ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
            SqlError::TooManyTemporaries
        }
        Some(ErrorCode::TooBig) => SqlError::Invalid(format!(
            "{error}: a text or blob may have up to {VALUE_BYTES_MAX} bytes, and a statement \
             {SQL_BYTES_MAX}"
        )),
        _ => SqlError::Invalid(shortened(error.to_string())),
    }
}

/// The message of an error, which may contain the whole statement.
fn shortened(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(ERROR_CHARS_MAX) {
        message.truncate(end);
        message.push('…');
    }
    message
}

/// Opens store.db with the files of events attached, which the view `events` combines. The view
/// `numbered` has the same columns for events with a sequence number, and finds those of one
/// producer without reading the others.
pub(super) fn open(path: &Path, query: &SqlQuery) -> rusqlite::Result<Opened> {
    let connection = open_reader(path)?;
    connection
        .execute_batch(&format!("PRAGMA temp_store = {TEMPORARIES}; PRAGMA query_only = OFF;"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let weeks = catalog::between(&connection, query.filter.weeks(), WEEKS_MAX)?;
    let (mut parts, mut with_numbers) = (Vec::new(), Vec::new());
    for (at, week) in weeks.iter().enumerate() {
        let file = open::path(folder, *week);
        // Attached files are opened like the first one: read-only.
        connection.execute(&format!("ATTACH ?1 AS week{at}"), [file.to_string_lossy()])?;
        // Opens the log as well, so that a statement opens no file but temporary ones.
        let schema = format!("SELECT count(*) FROM week{at}.sqlite_schema");
        connection.query_row(&schema, [], |_| Ok(()))?;
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
    connection.set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    Ok(Opened { connection, weeks })
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
            too_late
        }),
    )
}

fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        // Hashes of keys and sessions stay hidden: nobody needs them to read events.
        AuthAction::Read { table_name, .. }
            if ["keys", "sessions"].iter().any(|it| table_name.eq_ignore_ascii_case(it)) =>
        {
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
