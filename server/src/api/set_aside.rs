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
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::{PayloadId, SetAsidePayload};

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

/// The payload that is in the queue again.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RetriedPayload")]
pub struct RetriedJson {
    payload: String,
}

/// Describes [`set_aside`].
pub const SET_ASIDE: Operation =
    Operation::new(Group::Operate, "listSetAsidePayloads", "List payloads that keep failing")
        .about("Payloads that failed 20 times because of their own content, the oldest first.")
        .query(&[&[LIMIT, Param { form: Form::Uuid, ..CURSOR }]]);

/// Describes [`retry_payload`].
pub const RETRY_PAYLOAD: Operation =
    Operation::new(Group::Operate, "retryPayload", "Process a payload that was set aside again")
        .part(
            Param::new("id", Form::Text, "The id of the payload")
                .required()
                .example("0190b7a4-5f2c-7d3e-8a1b-2c3d4e5f6a7b"),
        )
        .problems(&["not_found"]);

/// `GET /api/payloads/set-aside`: a page of payloads that failed too often, the oldest first.
pub async fn set_aside(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse<PageJson>, Problem> {
    let after = params.value("cursor", "the `next` of a page", read_id)?;
    let limit = params.limit()?;
    params.finish(SET_ASIDE.query)?;
    let payloads = app.storage.payload_queue.list_set_aside(after, limit).await?;
    let is_full = payloads.len() >= limit as usize;
    let last = payloads.last().filter(|_| is_full);
    let next = last.map(|payload| payload.metadata.id.to_string());
    let payloads = payloads.into_iter().map(SetAsideJson::new).collect();
    JsonResponse::new(&PageJson { payloads, next })
}

/// `POST /api/payloads/{id}/retry`: puts a payload that is set aside back in the queue.
pub async fn retry_payload(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
) -> Result<JsonResponse<RetriedJson>, Problem> {
    let now_ms = app.clock.now_ms();
    if let Some(payload) = read_id(&id)
        && app.storage.payload_queue.retry(payload, now_ms).await?
    {
        return JsonResponse::new(&RetriedJson { payload: payload.to_string() });
    }
    Err(Problem::not_found(
        "no payload with this id is set aside: GET /api/payloads/set-aside lists those that are",
    ))
}

fn read_id(text: &str) -> Option<PayloadId> {
    Uuid::try_parse(text).ok().map(PayloadId)
}

impl SetAsideJson {
    fn new(payload: SetAsidePayload) -> Self {
        let SetAsidePayload { metadata, attempts, error, set_aside_ms } = payload;
        let metadata = PayloadMetadataJson::new(metadata);
        Self { metadata, attempts, error, set_aside: set_aside_ms }
    }
}
