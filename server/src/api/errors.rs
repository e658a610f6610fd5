//! `GET /api/errors`.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Reader;
use super::buckets::BucketsJson;
use super::cost::List;
use super::json::JsonResponse;
use super::params::{CURSOR, LIMIT, Params, SOURCE};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::{
    ErrorCursor, ErrorGroup, ErrorPage, ErrorQuery, ErrorSample, ErrorStage, SampleKind, StoreError,
};

/// A page of groups of errors, most recent first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ErrorPage")]
pub struct ErrorsJson {
    /// The groups.
    pub groups: Vec<ErrorJson>,
    /// The `cursor` of the next page.
    pub next: Option<String>,
}

/// Errors with the same stage, code, and source or sink.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ErrorGroup")]
pub struct ErrorJson {
    /// Where they happened.
    #[schemars(extend("enum" = ["intake", "event", "process", "delivery"]))]
    pub stage: &'static str,
    /// The code. Missing for errors that are counted together, because there are too many groups.
    pub code: Option<String>,
    /// The source, if it is known.
    pub source: Option<String>,
    /// The sink of deliveries.
    pub sink: Option<String>,
    /// How many.
    pub count: i64,
    /// When the first happened, in milliseconds since 1970.
    pub first_seen: i64,
    /// When the last happened.
    pub last_seen: i64,
    /// When how many happened.
    pub happened: BucketsJson,
    /// One of the last, if anything of it was stored.
    pub sample: Option<SampleJson>,
    /// What was wrong with it, at most 300 characters.
    pub message: Option<String>,
}

/// What to open to see an error.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ErrorSample")]
pub struct SampleJson {
    /// What the id belongs to: an event that arrived, a payload, or the event of a delivery.
    #[schemars(extend("enum" = ["event", "payload", "delivery"]))]
    pub kind: &'static str,
    /// The id.
    pub id: String,
}

impl SampleJson {
    fn new((kind, id): (SampleKind, String)) -> Self {
        let kind = match kind {
            SampleKind::Event => "event",
            SampleKind::Payload => "payload",
            SampleKind::Delivery => "delivery",
        };
        Self { kind, id }
    }
}

impl ErrorJson {
    fn new(group: ErrorGroup, now_ms: i64) -> Self {
        let ErrorGroup { stage, code, owner, counts, sample, .. } = group;
        let (of, message) = match sample {
            Some(ErrorSample { of, message }) => (of, Some(message)),
            None => (None, None),
        };
        let owner = Some(owner).filter(|it| !it.is_empty());
        let (source, sink) =
            if stage == ErrorStage::Delivery { (None, owner) } else { (owner, None) };
        Self {
            stage: stage.name(),
            code: Some(code).filter(|it| !it.is_empty()),
            source,
            sink,
            count: counts.total(),
            first_seen: counts.first_ms,
            last_seen: counts.last_ms,
            happened: BucketsJson::new(&counts, now_ms),
            sample: of.map(SampleJson::new),
            message,
        }
    }
}

/// Reads a page of groups of errors.
///
/// # Errors
/// [`StoreError`].
pub async fn read_errors(app: &App, query: ErrorQuery) -> Result<ErrorsJson, StoreError> {
    let now_ms = app.clock.now_ms();
    let ErrorPage { groups, next } = app.storage.tallies.errors(query).await?;
    Ok(ErrorsJson {
        groups: groups.into_iter().map(|group| ErrorJson::new(group, now_ms)).collect(),
        next: next.map(|it| format!("{}-{}-{}-{}", it.last_ms, it.stage.name(), it.code, it.owner)),
    })
}

/// Reads the `next` of a page. Codes have no hyphen.
pub(crate) fn read_cursor(text: &str) -> Option<ErrorCursor> {
    let mut parts = text.splitn(4, '-');
    Some(ErrorCursor {
        last_ms: parts.next()?.parse().ok()?,
        stage: ErrorStage::from_name(parts.next()?)?,
        code: parts.next()?.to_owned(),
        owner: parts.next()?.to_owned(),
    })
}

/// Describes [`errors`].
pub const ERRORS: Operation =
    Operation::new(Group::Query, "listErrors", "List groups of errors, most recent first")
        .about(
            "Errors with the same stage, code, and source or sink: when the first and the last happened, how many, \
             how many in each of the last 60 minutes, 48 hours and 90 days, and one of the last. `intake` are refused \
             requests, `event` invalid events, `process` failed attempts to process a payload, and `delivery` failed \
             attempts to deliver an event.",
        )
        .query(&[&[
            Param::new(
                "stage",
                Form::OneOf(&["intake", "event", "process", "delivery"]),
                "Only errors of this stage",
            ),
            SOURCE,
            Param::new("sink", Form::Text, "Only deliveries to this sink"),
            LIMIT,
            CURSOR,
        ]]);

/// `GET /api/errors`: groups of errors.
pub async fn errors(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse<ErrorsJson>, Problem> {
    let query = ErrorQuery {
        stage: params.value(
            "stage",
            "intake, event, process or delivery",
            ErrorStage::from_name,
        )?,
        source: params.text("source"),
        sink: params.text("sink"),
        after: params.value("cursor", "the `next` of a page with the same filters", read_cursor)?,
        limit: params.limit()?,
    };
    params.finish(ERRORS.query)?;
    JsonResponse::new(&read_errors(&app, query).await?)
}
