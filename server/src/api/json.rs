//! JSON in answers and in request bodies.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use serde::de::{DeserializeOwned, Error, Unexpected};

use super::access::CheckedCaller;
use crate::app::App;
use crate::http::body::{BodyLimits, ReceivedBody};
use crate::http::problem::Problem;

/// What the API accepts.
const LIMITS: BodyLimits = BodyLimits { bytes_max: 64 * 1024, advice: "send a smaller body" };

/// An answer in JSON, which is never cached.
#[derive(Debug)]
pub struct JsonResponse(Vec<u8>);

impl JsonResponse {
    /// Serializes `value`.
    ///
    /// # Errors
    /// A 500 when it cannot be serialized.
    pub(super) fn new(value: &impl Serialize) -> Result<Self, Problem> {
        serde_json::to_vec(value).map(Self).map_err(|error| Problem::internal(&error))
    }
}

impl IntoResponse for JsonResponse {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
        (headers, self.0).into_response()
    }
}

/// A whole request body of at most 64 KiB.
#[derive(Debug)]
pub struct SmallBody(ReceivedBody);

impl SmallBody {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl FromRequest<Arc<App>> for SmallBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (head, _) = request.into_parts();
        let caller = CheckedCaller::of(&head)?;
        Ok(Self(app.bodies.receive(&head, caller.key(), &LIMITS).await?))
    }
}

/// Reads a JSON object. Serde alone also reads an array, as the values of the members in their
/// order.
///
/// # Errors
/// What is wrong with the JSON.
pub(super) fn read_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    match body.trim_ascii_start().first() {
        Some(b'[') => Err(serde_json::Error::invalid_type(Unexpected::Seq, &"an object")),
        _ => serde_json::from_slice(body),
    }
}

/// A request body in JSON of at most 64 KiB.
#[derive(Debug)]
pub struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let body = SmallBody::from_request(request, app).await?;
        read_object(body.bytes()).map(Self).map_err(|error| {
            let detail = format!("the body is not the JSON object that this call expects: {error}");
            Problem::new(StatusCode::BAD_REQUEST, "body_invalid", detail)
        })
    }
}
