//! `/api/deliveries/dead`, `/api/deliveries/discard` and `/api/deliveries/restore`: deliveries that
//! were given up.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::access::{Admin, Reader};
use super::cost::{Change, List};
use super::json::{JsonBody, JsonResponse};
use super::params::{CURSOR, LIMIT, Params};
use super::retry::{RetriedJson, RetryRequest};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::{DeadLetter, DeadLetterQuery, DiscardAsk, RowId, StoreError};

/// A page of dead letters.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeadLetterPage")]
pub struct DeadLettersJson {
    deliveries: Vec<DeadLetterJson>,
    /// The `cursor` of the next page.
    next: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
struct DeadLetterJson {
    /// The id of the event's row.
    event: String,
    reason: String,
    /// When it was given up, or discarded.
    at: Option<i64>,
    detail: Option<String>,
}

/// Describes [`dead_letters`].
pub const DEAD_LETTERS: Operation =
    Operation::new(Group::Operate, "listDeadLetters", "List dead letters of a sink")
        .about(
            "Deliveries that were given up, in the order of their events. With `state=discarded`, \
             those that someone discarded, which can be restored.",
        )
        .query(&[&[
            Param::new("sink", Form::Text, "The name of the sink").required().example("archive"),
            Param::new("reason", Form::Text, "Only those given up for this reason"),
            Param::new("state", Form::OneOf(&["dead", "discarded"]), "Which are listed")
                .default("dead"),
            LIMIT,
            Param { form: Form::Uuid, ..CURSOR },
        ]]);

/// Describes [`discard`].
pub const DISCARD: Operation =
    Operation::new(Group::Operate, "discardDeliveries", "Discard dead letters")
        .about(
            "The sink is not owed them any more. They count as `discarded`, never as sent, and can \
             be restored until retention deletes their events. At most 10,000 per call. `sink` or \
             `event` is required. A dead letter must match every field that is sent.",
        )
        .body_example(r#"{"sink": "archive", "reason": "refused", "dry_run": true}"#)
        .problems(&["not_found"]);

/// Describes [`restore`].
pub const RESTORE: Operation =
    Operation::new(Group::Operate, "restoreDeliveries", "Restore discarded dead letters")
        .about(
            "They are dead letters again, which can be retried. At most 10,000 per call. `sink` or \
             `event` is required. A delivery must match every field that is sent.",
        )
        .body_example(r#"{"sink": "archive", "dry_run": true}"#)
        .problems(&["not_found"]);

/// Reads a page of dead letters, and where the next page starts.
pub(crate) async fn read_dead_letters(
    app: &App,
    query: DeadLetterQuery,
) -> Result<(Vec<DeadLetter>, Option<RowId>), StoreError> {
    let limit = query.limit as usize;
    let letters = app.storage.delivery_queue.dead_letters(query).await?;
    let next = letters.last().filter(|_| letters.len() >= limit).map(|last| last.event);
    Ok((letters, next))
}

/// `GET /api/deliveries/dead`: a page of a sink's dead letters.
pub async fn dead_letters(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse<DeadLettersJson>, Problem> {
    let is_discarded = |text: &str| match text {
        "dead" => Some(false),
        "discarded" => Some(true),
        _ => None,
    };
    let sink = params.text("sink");
    let query = DeadLetterQuery {
        sink: sink.clone().unwrap_or_default(),
        reason: params.text("reason"),
        is_discarded: params.value("state", "dead or discarded", is_discarded)?.unwrap_or(false),
        after: params.value("cursor", "the `next` of a page", |text| {
            Uuid::try_parse(text).ok().map(RowId)
        })?,
        limit: params.limit()?,
    };
    params.finish(DEAD_LETTERS.query)?;
    if sink.is_none() {
        return Err(super::params::invalid("`sink` is missing: send the name of a sink".into()));
    }
    let (letters, next) = read_dead_letters(&app, query).await?;
    let json = |DeadLetter { event, reason, at_ms, detail }| DeadLetterJson {
        event: event.to_string(),
        reason,
        at: at_ms,
        detail,
    };
    JsonResponse::new(&DeadLettersJson {
        deliveries: letters.into_iter().map(json).collect(),
        next: next.map(|next| next.to_string()),
    })
}

/// `POST /api/deliveries/discard`: discards dead letters, at most 10,000 per call.
pub async fn discard(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<RetryRequest>,
) -> Result<JsonResponse<RetriedJson>, Problem> {
    change(&app, request, false).await
}

/// `POST /api/deliveries/restore`: makes discarded deliveries dead letters again.
pub async fn restore(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<RetryRequest>,
) -> Result<JsonResponse<RetriedJson>, Problem> {
    change(&app, request, true).await
}

async fn change(
    app: &App,
    request: RetryRequest,
    restore: bool,
) -> Result<JsonResponse<RetriedJson>, Problem> {
    let letters = request.ask(app).await?;
    let dry_run = letters.dry_run;
    let changed = app.storage.delivery_queue.discard_dead(DiscardAsk { letters, restore }).await?;
    JsonResponse::new(&RetriedJson::new(changed, dry_run))
}
