//! The description of the API, as a document for programs and as a page for people.
//!
//! Both show only what is in the source code, so they need no token. The page works without
//! JavaScript and loads nothing from elsewhere.

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde_json::Value;

use crate::openapi::{Group, Operation};

mod curl;
mod html;
mod operation;
mod page;
mod schema;

/// The page's content security policy: text and one style sheet.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";
/// A browser asks each time, so that a new version appears at once.
const CACHE: &str = "no-cache";

/// Describes [`document()`].
pub const DOCUMENT: Operation =
    Operation::new(Group::Browser, "getOpenapi", "The description of this API, for programs")
        .about("An OpenAPI 3.1 document. The command `lamplight config openapi` prints the same.");
/// Describes [`page()`].
pub const PAGE: Operation =
    Operation::new(Group::Browser, "getReference", "The description of this API, for people");
/// Describes [`style`].
pub const STYLE: Operation =
    Operation::new(Group::Browser, "getReferenceStyle", "The style sheet of that page");

/// `GET /openapi.json`.
pub fn document(openapi: &Value) -> Response {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| openapi.to_string().into());
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, CACHE)], text.clone()).into_response()
}

/// `GET /api/docs`.
pub fn page(openapi: &Value) -> Response {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| page::write(openapi).into());
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, CACHE),
    ];
    (headers, text.clone()).into_response()
}

/// `GET /api/docs/style.css`.
pub async fn style() -> Response {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, CACHE)];
    (headers, include_str!("style.css")).into_response()
}
