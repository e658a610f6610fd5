//! `/api/payloads/set-aside` and `/api/payloads/{id}/retry`: payloads that failed too often.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use uuid::Uuid;

use super::access::{Admin, Reader};
use super::cost::{Change, List};
use super::json::JsonResponse;
use super::params::Params;
use super::payload_json::PayloadMetadataJson;
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::Problem;
use crate::store::{PayloadId, SetAsidePayload};

#[derive(Serialize)]
struct PageJson {
    payloads: Vec<SetAsideJson>,
    /// The `cursor` of the next page.
    next: Option<String>,
}

#[derive(Serialize)]
struct SetAsideJson {
    #[serde(flatten)]
    metadata: PayloadMetadataJson,
    /// How often the server tried to process it.
    attempts: u32,
    error: String,
    set_aside: i64,
}

#[derive(Serialize)]
struct RetriedJson {
    payload: String,
}

/// `GET /api/payloads/set-aside`: a page of payloads that failed too often, the oldest first.
pub async fn set_aside(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse, Problem> {
    let after = params.value("cursor", "the `next` of a page", read_id)?;
    let limit = params.limit()?;
    params.finish("limit, cursor")?;
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
) -> Result<JsonResponse, Problem> {
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
