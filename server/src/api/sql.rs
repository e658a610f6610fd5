//! `POST /api/query`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::{check_admin, json, read_json};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{EventFilter, SqlError, SqlQuery, SqlTable, Week};

/// Most rows of one answer.
const ROWS_MAX: usize = 10_000;
/// Most bytes of values in one answer.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest time that a statement may take.
const TIME_MAX: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    sql: String,
    /// Which weeks' events to look at, in milliseconds since 1970; the newest ten that there are unless given.
    from: Option<i64>,
    to: Option<i64>,
}

#[derive(Serialize)]
struct TableJson {
    columns: Vec<String>,
    rows: Vec<Vec<serde_json::Value>>,
    /// Whether there are more rows than an answer may have.
    truncated: bool,
    /// The weeks whose events were looked at.
    weeks: Vec<String>,
}

/// `POST /api/query`: runs a statement that only reads, for admins.
pub async fn query(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    match read(&app, &headers, &body).await {
        Ok(SqlTable { columns, rows, truncated, weeks }) => {
            let weeks = weeks.iter().map(Week::to_string).collect();
            json(&TableJson { columns, rows, truncated, weeks })
        }
        Err(problem) => problem.into_response(),
    }
}

async fn read(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<SqlTable, Problem> {
    check_admin(app, headers)?;
    let Question { sql, from, to } = read_json(body)?;
    let filter = EventFilter { from_ms: from, to_ms: to, ..EventFilter::default() };
    let query =
        SqlQuery { sql, filter, rows_max: ROWS_MAX, bytes_max: BYTES_MAX, time_max: TIME_MAX };
    app.storage.reader.sql(query).await?.map_err(|error| {
        let (status, code) = match &error {
            SqlError::Invalid(_) => (StatusCode::BAD_REQUEST, "sql_invalid"),
            SqlError::NotReadOnly => (StatusCode::FORBIDDEN, "sql_not_read_only"),
            SqlError::TooSlow(_) => (StatusCode::UNPROCESSABLE_ENTITY, "sql_too_slow"),
        };
        Problem::new(status, code, format!("failed to {error}"))
    })
}
