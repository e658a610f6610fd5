//! Cross-origin requests to `/api` (Fetch standard, "CORS protocol"): pages of the origins that the
//! operator has named may call it and read the answers, errors and streams included.
//!
//! A page that calls the API has a token, which reads everything. So origins are compared exactly,
//! and none is allowed by default. Answers never allow credentials: a token is a header, which the
//! page sends itself.

use std::future::Future;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::cors::{
    ALLOW_PRIVATE_NETWORK, EXPOSED_HEADERS, REQUEST_PRIVATE_NETWORK, allowed_headers,
};

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
/// How long a browser may keep the answer to a preflight request, in seconds. An origin that is no
/// longer allowed is so for this time.
const MAX_AGE_S: &str = "600";

/// The origins whose pages may call the API.
#[derive(Debug, Clone, Default)]
pub struct ApiOrigins(Vec<HeaderValue>);

impl ApiOrigins {
    /// Allows these origins, written as browsers write them.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a str>) -> Self {
        let values = origins.into_iter().map(HeaderValue::from_str);
        // Origins are ASCII. One that were not would be no value of a header, and match none.
        Self(values.filter_map(Result::ok).collect())
    }

    /// The origin of a request, if it is one of these.
    fn allowed(&self, headers: &HeaderMap) -> Option<&HeaderValue> {
        let mut sent = headers.get_all(ORIGIN).iter();
        match (sent.next(), sent.next()) {
            (Some(origin), None) => self.0.iter().find(|allowed| *allowed == origin),
            _ => None,
        }
    }
}

/// Adds the headers for pages of other origins to every answer under `/api`, and answers preflight
/// requests.
pub async fn allow<F: Future<Output = Response>>(
    origins: &ApiOrigins,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let path = request.uri().path();
    let is_api =
        path.strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if origins.0.is_empty() || !is_api {
        return next(request).await;
    }
    let allowed = origins.allowed(request.headers()).cloned();
    let is_preflight = *request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &allowed {
        Some(_) if is_preflight => preflight(request.headers()),
        _ => next(request).await,
    };
    let headers = response.headers_mut();
    // Also without an allowed origin, or a cache could give one page the answer for another.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
    response
}

fn preflight(request: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(request));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
    let vary = "Access-Control-Request-Headers, Access-Control-Request-Private-Network";
    headers.append(VARY, HeaderValue::from_static(vary));
    if request.get(&REQUEST_PRIVATE_NETWORK).is_some_and(|value| value == "true") {
        headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
    response
}
