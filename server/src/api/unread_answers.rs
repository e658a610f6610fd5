//! The memory of answers that clients have not read yet.
//!
//! A client may ask for a page of megabytes and read it slowly, or never. Its answer waits in
//! memory until it is written or the write times out, so all such answers together have a limit.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Body as _;

use super::cost::CostClass;
use super::places::Place;
use crate::app::App;
use crate::http::credentials;

/// Answers up to this size are not counted: the system's socket buffers take them.
const SMALL_BYTES: u64 = 16 * 1024;

/// Counts an answer until its last byte is written.
pub async fn hold(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let token = credentials::bearer(request.headers()).and_then(|token| app.keyring.find(token));
    let response = next.run(request).await;
    let Some(bytes) = response.body().size_hint().exact().filter(|bytes| *bytes > SMALL_BYTES)
    else {
        return response;
    };
    let token = token.map(|held| held.key.id.clone()).unwrap_or_default();
    let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    let place = match app.places.take_many(CostClass::Answer, &token, kib).await {
        Ok(place) => place,
        Err(busy) => return busy.into_response(),
    };
    let (parts, body) = response.into_parts();
    // The body is in memory already, in one piece.
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            let held = Bytes::from_owner(UnreadAnswer { bytes, _place: place });
            Response::from_parts(parts, Body::from(held))
        }
        Err(_) => Response::from_parts(parts, Body::empty()),
    }
}

/// An answer that gives its place back when it is dropped, which is once it is written.
#[derive(Debug)]
struct UnreadAnswer {
    bytes: Bytes,
    _place: Place,
}

impl AsRef<[u8]> for UnreadAnswer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
