//! Error answers: problem details for HTTP APIs (RFC 9457).

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

/// An error answer.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code for programs.
    pub code: &'static str,
    /// What happened, why, and what to do next, for people.
    pub detail: Cow<'static, str>,
    /// When to retry.
    pub retry_after_s: Option<u32>,
    /// Whether the connection is closed after the answer.
    pub close: bool,
    /// The internal error, for the log only.
    pub cause: Option<String>,
}

/// A problem document (RFC 9457).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemJson<'a> {
    /// `urn:lamplight:problem:` and the code.
    r#type: String,
    /// The name of the status.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What happened, why, and what to do next. For people.
    detail: &'a str,
    /// The kind of problem. For programs.
    code: &'a str,
    /// The id of the request, under which the server's log shows more.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl Problem {
    /// A problem with `code`.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code, detail: detail.into(), retry_after_s: None, close: false, cause: None }
    }

    /// Adds a `Retry-After` header.
    #[must_use]
    pub fn retry_after_s(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// Closes the connection after the answer.
    #[must_use]
    pub fn close(self) -> Self {
        Self { close: true, ..self }
    }

    /// A 404.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// A 500. The error goes to the log, and not to the client.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        let cause =
            causes.fold(format!("failed to {error}"), |text, cause| format!("{text}: {cause}"));
        let problem = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "internal error: the server's log shows the cause under this request id. Retry, or report the request id to the \
             server's operator",
        );
        Self { cause: Some(cause), ..problem }
    }

    /// The body of the answer, with the request's id if it is known.
    pub fn body(&self, request_id: Option<&str>) -> Body {
        Body::from(self.json(request_id))
    }

    /// The text of the body.
    pub(super) fn json(&self, request_id: Option<&str>) -> String {
        let json = ProblemJson {
            r#type: format!("urn:lamplight:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id,
        };
        serde_json::to_string(&json).unwrap_or_default()
    }
}

/// A value from a request, for the text of a problem: quoted, and cut to a length that can be read.
pub fn quoted(value: &str) -> String {
    const CHARS_MAX: usize = 64;
    let mut text: String = value.chars().take(CHARS_MAX).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    format!("`{text}`")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body(None));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // Basic is accepted too, but with it a browser would ask its user for a password.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // The layer that knows the request's id writes it into the body.
        response.extensions_mut().insert(self);
        response
    }
}
