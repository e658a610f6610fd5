//! `/query`: SQL that only reads, its result as a table or as CSV, and what can be read.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::Value;

use super::caller::{Operator, Viewer};
use super::form::Form;
use super::frame::Frame;
use super::page::Page;
use super::{link, shown};
use crate::api::cost::{Statement, Summary};
use crate::api::{Params, run_statement};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{EventFilter, SqlTable};
use crate::terminal::csv::{Cell, add_record};

/// Most rows that the page shows. All of them are in the CSV.
const ROWS_SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "query.html")]
struct Query {
    frame: Option<Frame>,
    sql: String,
    result: Option<Shown>,
    error: Option<String>,
}

/// A result as the page shows it.
struct Shown {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    row_count: usize,
    is_truncated: bool,
    weeks: Vec<String>,
    took_ms: u64,
}

const EXAMPLES: &[(&str, &str)] = &[
    (
        "Most frequent events",
        "SELECT source, name, count(*) AS events\nFROM events\nGROUP BY source, name\nORDER BY events DESC\nLIMIT 20",
    ),
    (
        "Last events of a user",
        "SELECT datetime(received_ms / 1000, 'unixepoch') AS received, name, properties\nFROM events\nWHERE user_id = '7'\n\
         ORDER BY received_ms DESC\nLIMIT 50",
    ),
    (
        "A property by day",
        "SELECT date(received_ms / 1000, 'unixepoch') AS day, property(properties, 'plan') AS plan, count(*) AS events\n\
         FROM events\nGROUP BY day, plan\nORDER BY day DESC, events DESC",
    ),
    (
        "Pages with missing events",
        "SELECT source, lower(hex(producer)) AS producer, made, received, declared, missing\nFROM producers\n\
         WHERE missing > 0\nORDER BY last_heard_ms DESC\nLIMIT 50",
    ),
    (
        "Why events are invalid",
        "SELECT reason, detail, count(*) AS events\nFROM outcomes\nWHERE state = 'invalid'\nGROUP BY reason, detail\n\
         ORDER BY events DESC\nLIMIT 20",
    ),
];

/// What statements read most, with what it means.
const TABLES: &[Table] = &[
    Table {
        name: "events",
        about: "Stored events of the chosen weeks. numbered has the same columns, and finds events by their producer.",
        columns: &[
            ("id", "the event's id, a UUID as a blob"),
            ("type", "default, critical or monitor"),
            ("name", "its name"),
            ("source", "the source of the key it was sent with"),
            ("ts_ms", "when it happened, by the client's clock"),
            ("time_ms", "when it happened, corrected"),
            ("received_ms", "when it arrived"),
            ("created_day", "the day on which it happened"),
            ("user_id", "its user, if known"),
            ("anonymous_id", "its browser"),
            ("session", "its session"),
            ("producer", "the page that made it, as a blob"),
            ("seq", "its number on that page"),
            ("event_id", "the id that the client gave it"),
            ("payload_id", "the request it came in"),
            ("payload_index", "its place in that request"),
            ("properties", "JSON; read one with property(properties, 'plan.name')"),
            ("context", "JSON: page, screen, campaign"),
            ("monitor", "JSON of a counter, gauge or timer"),
            ("enrichment", "JSON: what the server added"),
            ("profile", "JSON: what is known about the user"),
        ],
    },
    Table {
        name: "producers",
        about: "One ledger for each page: which of its numbers arrived.",
        columns: &[
            ("producer", "the page, as a blob"),
            ("source", "its source"),
            ("made", "numbers that it assigned"),
            ("received", "numbers that arrived"),
            ("declared", "numbers that it dropped, and said so"),
            ("missing", "numbers that neither arrived nor were declared"),
            ("first_heard_ms", "when it was first heard from"),
            ("last_heard_ms", "when it was last heard from"),
        ],
    },
    Table {
        name: "outcomes",
        about: "Arrivals that are not in events.",
        columns: &[
            ("state", "duplicate or invalid"),
            ("reason", "why, as a code"),
            ("detail", "why, in words"),
            ("source", "its source"),
            ("producer", "the page that made it"),
            ("seq", "its number on that page"),
            ("payload_id", "the request it came in"),
            ("received_ms", "when it arrived"),
        ],
    },
];

/// A table that statements can read.
struct Table {
    name: &'static str,
    about: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

/// `GET /query?sql=…`: the form, filled in. Nothing runs yet, because a link must not start work.
pub(super) async fn show(viewer: Viewer<Summary>, mut params: Params) -> Result<Page, Problem> {
    let sql = params.text("sql").unwrap_or_else(|| EXAMPLES[0].1.to_owned());
    params.finish(&[])?;
    let frame = viewer.frame_alone("/query");
    Page::render(&Query { frame, sql, result: None, error: None })
}

/// `POST /query`: runs a statement.
pub(super) async fn run(
    Operator(viewer): Operator<Statement>,
    State(app): State<Arc<App>>,
    form: Form,
) -> Result<Page, Problem> {
    let sql = form.required("sql", "statement")?.to_owned();
    let begun_ms = app.clock.now_ms();
    let (result, error) = match run_statement(&app, sql.clone(), EventFilter::default()).await {
        Ok(table) => (Some(Shown::new(table, app.clock.now_ms() - begun_ms)?), None),
        Err(problem) if problem.status.is_client_error() => (None, Some(problem.detail.into())),
        Err(problem) => return Err(problem),
    };
    Page::render(&Query { frame: viewer.frame_alone("/query"), sql, result, error })
}

/// `POST /query/csv`: the same as a file.
pub(super) async fn csv(
    _: Operator<Statement>,
    State(app): State<Arc<App>>,
    form: Form,
) -> Result<Response, Problem> {
    let sql = form.required("sql", "statement")?.to_owned();
    let SqlTable { columns, rows_json, truncated, .. } =
        run_statement(&app, sql, EventFilter::default()).await?;
    let rows: Vec<Vec<Value>> =
        serde_json::from_str(&rows_json).map_err(|error| Problem::internal(&error))?;
    let mut text = String::new();
    add_record(&mut text, columns.iter().map(|name| Cell::Text(name)), false);
    for row in &rows {
        let own: Vec<String> = row.iter().map(written).collect();
        let cells = row.iter().zip(&own).map(|(value, own)| match value {
            Value::String(text) => Cell::Text(text),
            _ => Cell::Own(own),
        });
        add_record(&mut text, cells, false);
    }
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    // A CSV has no place for a warning, so its name says that rows are missing.
    headers.insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_static(if truncated {
            "attachment; filename=\"query-first-rows-only.csv\""
        } else {
            "attachment; filename=\"query.csv\""
        }),
    );
    Ok(response)
}

/// A value that is no text, in a file. NULL is empty.
fn written(value: &Value) -> String {
    if value.is_null() { String::new() } else { value.to_string() }
}

impl Shown {
    fn new(table: SqlTable, took_ms: i64) -> Result<Self, Problem> {
        let SqlTable { columns, rows_json, truncated, weeks } = table;
        let mut rows: Vec<Vec<Value>> =
            serde_json::from_str(&rows_json).map_err(|error| Problem::internal(&error))?;
        let row_count = rows.len();
        rows.truncate(ROWS_SHOWN);
        Ok(Self {
            columns,
            rows,
            row_count,
            is_truncated: truncated,
            weeks: weeks.iter().map(ToString::to_string).collect(),
            took_ms: u64::try_from(took_ms).unwrap_or(0),
        })
    }

    /// The names of the columns, each with whether its values are numbers.
    fn heads(&self) -> impl Iterator<Item = (&str, bool)> {
        let is_number =
            |at: usize| self.rows.iter().filter_map(|row| row.get(at)).any(Value::is_number);
        self.columns.iter().enumerate().map(move |(at, name)| (name.as_str(), is_number(at)))
    }
}

impl Query {
    fn may_run(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.is_admin)
    }

    fn tables(&self) -> &'static [Table] {
        TABLES
    }

    fn examples(&self) -> &'static [(&'static str, &'static str)] {
        EXAMPLES
    }

    fn cell(&self, value: &Value) -> shown::Markup {
        const CHARS_MAX: usize = 300;
        match value {
            Value::String(text) => shown::foreign(text, CHARS_MAX),
            Value::Null => shown::Markup("<span class=\"quiet\">null</span>".into()),
            value => shown::foreign(&value.to_string(), CHARS_MAX),
        }
    }
}
