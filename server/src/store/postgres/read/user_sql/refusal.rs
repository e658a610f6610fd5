//! Why a statement was not run to its end.

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use super::connection::Connection;
use crate::store::postgres::connection::failure::Failure;
use crate::store::{SqlError, SqlQuery};

/// The longest error message, in characters.
const ERROR_CHARS_MAX: usize = 500;

/// Why a statement was not run to its end.
#[derive(Debug)]
pub(super) enum Refused {
    /// Because of what it is.
    Statement(SqlError),
    /// The database does not work.
    Storage(Failure),
}

impl Refused {
    /// Not even one row fits.
    pub(super) fn too_large(query: &SqlQuery) -> Self {
        Self::Statement(SqlError::RowTooLarge(query.bytes_max))
    }
}

/// What an error says about a statement that has `before` characters of ours before it.
pub(super) fn refused(
    error: &Error,
    query: &SqlQuery,
    before: usize,
    connection: &Connection,
) -> Refused {
    let Some(found) = error.as_db_error() else {
        if connection.is_over() {
            return Refused::too_large(query);
        }
        return Refused::Storage(Failure::NoConnection(error.to_string()));
    };
    Refused::Statement(of_database(found, query, before))
}

fn of_database(error: &DbError, query: &SqlQuery, before: usize) -> SqlError {
    let place = place(error, before);
    let code = error.code();
    if *code == SqlState::QUERY_CANCELED {
        return SqlError::TooSlow(query.time_max);
    }
    if *code == SqlState::OUT_OF_MEMORY || *code == SqlState::STATEMENT_TOO_COMPLEX {
        return SqlError::TooMuchMemory;
    }
    if *code == SqlState::CONFIGURATION_LIMIT_EXCEEDED || *code == SqlState::DISK_FULL {
        return SqlError::TooManyTemporaries;
    }
    if [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::INSUFFICIENT_PRIVILEGE].contains(code) {
        return SqlError::NotReadOnly;
    }
    if before > 0 && *code == SqlState::SYNTAX_ERROR && !error.message().ends_with("end of input") {
        // As a statement it can be read, but not where a query must be.
        return SqlError::NotReadOnly;
    }
    if before > 0 && *code == SqlState::SYNTAX_ERROR {
        let text = "the text has no statement: send one that reads, such as SELECT 1";
        return SqlError::Invalid(text.to_owned());
    }
    if before > 0 && *code == SqlState::FEATURE_NOT_SUPPORTED {
        return SqlError::NotReadOnly;
    }
    let mut message = error.message().to_owned();
    if let Some(place) = place {
        let start: String = query.sql.chars().take(place.saturating_sub(1)).collect();
        let line = start.matches('\n').count() + 1;
        let column = start.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        message = format!("{message} at line {line}, column {column}");
    }
    if let Some(hint) = error.hint() {
        message.push_str(". ");
        message.push_str(hint);
    }
    SqlError::Invalid(shortened(message))
}

/// The place of an error in the user's text, in characters from 1.
fn place(error: &DbError, before: usize) -> Option<usize> {
    match error.position()? {
        ErrorPosition::Original(place) => {
            usize::try_from(*place).ok()?.checked_sub(before).filter(|place| *place > 0)
        }
        ErrorPosition::Internal { .. } => None,
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
