//! What the server and the process that runs a statement say to each other: one request and one
//! answer, each a JSON text.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::store::{EventFilter, SqlError, SqlQuery, SqlTable, Week};

/// A statement to run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// The name of store.db in the directory that the process runs in.
    pub(super) file: String,
    sql: String,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    rows_max: usize,
    bytes_max: usize,
    time_max: Duration,
}

impl Request {
    pub(super) fn new(file: String, query: SqlQuery) -> Self {
        let SqlQuery { sql, filter, rows_max, bytes_max, time_max } = query;
        let EventFilter { from_ms, to_ms, .. } = filter;
        Self { file, sql, from_ms, to_ms, rows_max, bytes_max, time_max }
    }

    /// The name of store.db, and the query.
    pub(super) fn into_query(self) -> (String, SqlQuery) {
        let Self { file, sql, from_ms, to_ms, rows_max, bytes_max, time_max } = self;
        let filter = EventFilter { from_ms, to_ms, ..EventFilter::default() };
        (file, SqlQuery { sql, filter, rows_max, bytes_max, time_max })
    }
}

/// How a statement ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Table {
        columns: Vec<String>,
        rows_json: String,
        truncated: bool,
        weeks: Vec<u32>,
    },
    Refused(SqlError),
    /// The databases could not be opened.
    Failed(String),
}

impl From<Result<SqlTable, SqlError>> for Answer {
    fn from(ran: Result<SqlTable, SqlError>) -> Self {
        match ran {
            Ok(SqlTable { columns, rows_json, truncated, weeks }) => {
                let weeks = weeks.into_iter().map(Week::number).collect();
                Self::Table { columns, rows_json, truncated, weeks }
            }
            Err(error) => Self::Refused(error),
        }
    }
}

impl Answer {
    /// How the statement ended, or why it could not begin.
    pub(super) fn into_result(self) -> Result<Result<SqlTable, SqlError>, String> {
        match self {
            Self::Table { columns, rows_json, truncated, weeks } => {
                let weeks = weeks.into_iter().map(Week::from_number).collect();
                Ok(Ok(SqlTable { columns, rows_json, truncated, weeks }))
            }
            Self::Refused(error) => Ok(Err(error)),
            Self::Failed(why) => Err(why),
        }
    }
}
