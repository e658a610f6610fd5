//! `POST /api/query`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::Admin;
use super::body_time::BodyTime;
use super::cost::Statement;
use super::event_json::Verbatim;
use super::json::{JsonBody, JsonResponse};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Group, Operation, RequestBody};
use crate::store::{EventFilter, SqlError, SqlQuery, SqlTable, Week};

/// Most rows of one answer.
const ROWS_MAX: usize = 10_000;
/// Most bytes of values in one answer.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest time that a statement may run.
const TIME_MAX: Duration = Duration::from_secs(10);

/// The body of `POST /api/query`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SqlRequest")]
#[serde(deny_unknown_fields)]
pub struct SqlRequest {
    /// An SQL statement in the dialect of SQLite, which only reads.
    #[schemars(length(min = 1, max = 65_536))]
    sql: String,
    /// Selects the weeks whose events the statement sees: milliseconds since 1970, or RFC 3339
    /// text. By default these are the newest ten.
    from: Option<BodyTime>,
    /// Where these weeks end.
    to: Option<BodyTime>,
}

/// The rows of a statement.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SqlTable")]
pub struct TableJson<'a> {
    columns: Vec<String>,
    #[schemars(with = "Vec<Vec<serde_json::Value>>")]
    rows: Verbatim<'a>,
    /// Whether rows are missing, because an answer may not have more.
    truncated: bool,
    /// The weeks whose events the statement saw.
    weeks: Vec<String>,
}

impl RequestBody for SqlRequest {}

/// Describes [`query`].
pub const QUERY: Operation = Operation::new(Group::Query, "query", "Query with SQL")
    .about(
        "Runs an SQL statement that only reads. Each runs in a process of its own, for at most 10 s and \
         in 128 MiB of memory, and answers at most 10,000 rows in 8 MiB.",
    )
    .body_example(r#"{"sql": "SELECT name, count(*) AS events FROM events GROUP BY name"}"#)
    .problems(&[
        "sql_invalid",
        "sql_not_read_only",
        "sql_too_slow",
        "sql_too_large",
        "sql_not_set_up",
        "cross_origin",
    ]);

/// `POST /api/query`: runs an SQL statement that only reads. Needs an admin token, because the
/// statement can read almost every table.
pub async fn query(
    _: Admin<Statement>,
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<SqlRequest>,
) -> Result<JsonResponse<TableJson<'static>>, Problem> {
    let SqlRequest { sql, from, to } = request;
    let (from_ms, to_ms) = (from.map(|time| time.0), to.map(|time| time.0));
    let filter = EventFilter { from_ms, to_ms, ..EventFilter::default() };
    let SqlTable { columns, rows_json, truncated, weeks } =
        run_statement(&app, sql, filter).await?;
    let weeks = weeks.iter().map(Week::to_string).collect();
    JsonResponse::new(&TableJson { columns, rows: Verbatim(&rows_json), truncated, weeks })
}

/// Runs a statement on the weeks of `filter`.
///
/// # Errors
/// The problem of the statement, or of reading.
pub(crate) async fn run_statement(
    app: &App,
    sql: String,
    filter: EventFilter,
) -> Result<SqlTable, Problem> {
    let query =
        SqlQuery { sql, filter, rows_max: ROWS_MAX, bytes_max: BYTES_MAX, time_max: TIME_MAX };
    app.storage.reader.sql(query).await?.map_err(|error| {
        let (status, code) = match &error {
            SqlError::Invalid(_) => (StatusCode::BAD_REQUEST, "sql_invalid"),
            SqlError::NotSetUp(_) => (StatusCode::SERVICE_UNAVAILABLE, "sql_not_set_up"),
            SqlError::NotReadOnly => (StatusCode::FORBIDDEN, "sql_not_read_only"),
            SqlError::TooSlow(_) => (StatusCode::UNPROCESSABLE_ENTITY, "sql_too_slow"),
            SqlError::TooMuchMemory | SqlError::TooManyTemporaries | SqlError::RowTooLarge(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "sql_too_large")
            }
        };
        Problem::new(status, code, format!("failed to {error}"))
    })
}
