//! JSON in answers and in request bodies.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use serde::de::{DeserializeOwned, Error, Unexpected};

use crate::http::problem::Problem;

/// Largest request body of the API, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

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
pub struct SmallBody(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for SmallBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        to_bytes(request.into_body(), BODY_BYTES_MAX).await.map(Self).map_err(|_| {
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!(
                    "the body is larger than {BODY_BYTES_MAX} bytes, or the connection ended before \
                     the whole body arrived: send a smaller body, or retry"
                ),
            )
        })
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

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let SmallBody(body) = SmallBody::from_request(request, state).await?;
        read_object(&body).map(Self).map_err(|error| {
            let detail = format!("the body is not the JSON object that this call expects: {error}");
            Problem::new(StatusCode::BAD_REQUEST, "body_invalid", detail)
        })
    }
}
