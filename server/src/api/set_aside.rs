//! `/api/payloads/set-aside` and `/api/payloads/{id}/retry`: payloads that failed too often.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::access::{Admin, Reader};
use super::cost::{Change, List};
use super::json::JsonResponse;
use super::params::{CURSOR, LIMIT, Params};
use super::payload_json::PayloadMetadataJson;
use super::verb::Verb;
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::{PayloadId, SetAsidePayload, StoreError};

/// A page of payloads that are set aside.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SetAsidePage")]
pub struct PageJson {
    payloads: Vec<SetAsideJson>,
    /// The `cursor` of the next page.
    next: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SetAsidePayload")]
struct SetAsideJson {
    #[serde(flatten)]
    metadata: PayloadMetadataJson,
    /// How often the server tried to process it.
    attempts: u32,
    error: String,
    set_aside: i64,
}

/// The payload that was changed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RetriedPayload")]
pub struct RetriedJson {
    payload: String,
}

/// Describes [`set_aside`].
pub const SET_ASIDE: Operation =
    Operation::new(Group::Operate, "listSetAsidePayloads", "List payloads that keep failing")
        .about("Payloads that failed 20 times because of their own content, the oldest first.")
        .query(&[&[
            Param::new("state", Form::OneOf(&["set_aside", "discarded"]), "Which are listed")
                .default("set_aside"),
            LIMIT,
            Param { form: Form::Uuid, ..CURSOR },
        ]]);

const ID: Param = Param::new("id", Form::Text, "The id of the payload")
    .required()
    .example("0190b7a4-5f2c-7d3e-8a1b-2c3d4e5f6a7b");

/// The payload of examples that discard and restore one.
const OTHER_ID: Param = ID.example("0190b7a4-5f2c-7d3e-8a1b-2c3d4e5f6a7c");

/// Describes [`retry_payload`].
pub const RETRY_PAYLOAD: Operation =
    Operation::new(Group::Operate, "retryPayload", "Process a payload that was set aside again")
        .part(ID)
        .problems(&["not_found"]);

/// Describes [`discard_payload`].
pub const DISCARD_PAYLOAD: Operation =
    Operation::new(Group::Operate, "discardPayload", "Discard a payload that was set aside")
        .about(
            "Its events are not processed, and count as `discarded`. It can be restored until \
             retention deletes it.",
        )
        .part(OTHER_ID)
        .problems(&["not_found"]);

/// Describes [`restore_payload`].
pub const RESTORE_PAYLOAD: Operation =
    Operation::new(Group::Operate, "restorePayload", "Set a discarded payload aside again")
        .part(OTHER_ID)
        .problems(&["not_found"]);

/// `GET /api/payloads/set-aside`: a page of payloads that failed too often, the oldest first.
pub async fn set_aside(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse<PageJson>, Problem> {
    let after = params.value("cursor", "the `next` of a page", read_id)?;
    let limit = params.limit()?;
    let is_discarded = params.value("state", "set_aside or discarded", |text| match text {
        "set_aside" => Some(false),
        "discarded" => Some(true),
        _ => None,
    })?;
    params.finish(SET_ASIDE.query)?;
    let page = read_set_aside(&app, is_discarded.unwrap_or(false), after, limit).await?;
    let payloads = page.0.into_iter().map(SetAsideJson::new).collect();
    JsonResponse::new(&PageJson { payloads, next: page.1.map(|next| next.to_string()) })
}

/// Reads a page of payloads that are set aside or discarded, and where the next page starts.
pub(crate) async fn read_set_aside(
    app: &App,
    is_discarded: bool,
    after: Option<PayloadId>,
    limit: u32,
) -> Result<(Vec<SetAsidePayload>, Option<PayloadId>), StoreError> {
    let queue = &app.storage.payload_queue;
    let payloads = if is_discarded {
        queue.list_discarded(after, limit).await?
    } else {
        queue.list_set_aside(after, limit).await?
    };
    let is_full = payloads.len() >= limit as usize;
    let next = payloads.last().filter(|_| is_full).map(|payload| payload.metadata.id);
    Ok((payloads, next))
}

/// `POST /api/payloads/{id}/discard`: discards a payload that is set aside.
pub async fn discard_payload(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
) -> Result<JsonResponse<RetriedJson>, Problem> {
    change(&app, Verb::Discard, &id).await
}

/// `POST /api/payloads/{id}/restore`: sets a payload aside again that was discarded.
pub async fn restore_payload(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
) -> Result<JsonResponse<RetriedJson>, Problem> {
    change(&app, Verb::Restore, &id).await
}

/// `POST /api/payloads/{id}/retry`: puts a payload that is set aside back in the queue.
pub async fn retry_payload(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
) -> Result<JsonResponse<RetriedJson>, Problem> {
    change(&app, Verb::Retry, &id).await
}

async fn change(app: &App, verb: Verb, id: &str) -> Result<JsonResponse<RetriedJson>, Problem> {
    if let Some(payload) = read_id(id)
        && verb.apply_to_payload(app, payload, app.clock.now_ms()).await?
    {
        return JsonResponse::new(&RetriedJson { payload: payload.to_string() });
    }
    Err(verb.no_payload())
}

fn read_id(text: &str) -> Option<PayloadId> {
    Uuid::try_parse(text).ok().map(PayloadId)
}

impl SetAsideJson {
    fn new(payload: SetAsidePayload) -> Self {
        let SetAsidePayload { metadata, attempts, error, set_aside_ms, .. } = payload;
        let metadata = PayloadMetadataJson::new(metadata);
        Self { metadata, attempts, error, set_aside: set_aside_ms }
    }
}
