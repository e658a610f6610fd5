//! JSON in answers and in request bodies.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::{DeserializeOwned, Error, Unexpected};

use super::access::CheckedCaller;
use super::partial;
use crate::app::App;
use crate::http::body::BodyLimits;
use crate::http::problem::Problem;
use crate::openapi::{Answered, RequestBody, Shape};

/// What the API accepts.
const LIMITS: BodyLimits = BodyLimits { bytes_max: 64 * 1024, advice: "send a smaller body" };

/// A `T` as an answer in JSON, which is never cached.
///
/// The function stands for `T`, so that an answer made of a `T` that borrows can be returned as one
/// of a `T` that does not.
#[derive(Debug)]
pub struct JsonResponse<T>(Vec<u8>, PhantomData<fn(T)>);

impl<T: Serialize> JsonResponse<T> {
    /// Serializes `value`.
    ///
    /// # Errors
    /// A 500 when it cannot be serialized.
    pub(super) fn new(value: &T) -> Result<Self, Problem> {
        match serde_json::to_vec(value) {
            Ok(json) => Ok(Self(json, PhantomData)),
            Err(error) => Err(Problem::internal(&error)),
        }
    }
}

impl<T: JsonSchema> Answered for JsonResponse<T> {
    fn describe(shape: &mut Shape<'_>) {
        shape.answer_in_part::<T>(StatusCode::OK, "Done");
    }
}

impl<T> IntoResponse for JsonResponse<T> {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
        (headers, partial::marked(self.0)).into_response()
    }
}

/// The answer of a call that created a `T`.
#[derive(Debug)]
pub struct Created<T>(pub(super) JsonResponse<T>);

impl<T: JsonSchema> Answered for Created<T> {
    fn describe(shape: &mut Shape<'_>) {
        shape.answer_in_part::<T>(StatusCode::CREATED, "Created");
    }
}

impl<T> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, self.0).into_response()
    }
}

/// The answer of a call that may begin something which continues after the answer.
#[derive(Debug)]
pub enum DoneOrBegun<T> {
    /// It is done, and nothing continues.
    Done(JsonResponse<T>),
    /// It has begun.
    Begun(JsonResponse<T>),
}

impl<T: JsonSchema> Answered for DoneOrBegun<T> {
    fn describe(shape: &mut Shape<'_>) {
        shape.answer_in_part::<T>(StatusCode::OK, "Counted, in a dry run");
        shape.answer_in_part::<T>(StatusCode::ACCEPTED, "Begun");
    }
}

impl<T> IntoResponse for DoneOrBegun<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Done(json) => json.into_response(),
            Self::Begun(json) => (StatusCode::ACCEPTED, json).into_response(),
        }
    }
}

/// Reads a JSON object. Serde alone also reads an array, as the values of the members in their
/// order.
///
/// # Errors
/// What is wrong with the JSON.
fn read_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    match body.trim_ascii_start().first() {
        Some(b'[') => Err(serde_json::Error::invalid_type(Unexpected::Seq, &"an object")),
        _ => serde_json::from_slice(body),
    }
}

/// A request body in JSON of at most 64 KiB.
#[derive(Debug)]
pub struct JsonBody<T>(pub(super) T);

impl<T: RequestBody> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (head, _) = request.into_parts();
        let caller = CheckedCaller::of(&head)?;
        let body = app.bodies.receive(&head, caller.key(), &LIMITS).await?;
        read_object(&body.bytes).map(Self).map_err(|error| {
            let detail = format!("the body is not {}: {error}", T::EXPECTED);
            Problem::new(StatusCode::BAD_REQUEST, T::CODE, detail)
        })
    }
}
