//! A page as an answer.

use std::io::Write;

use askama::Template;
use axum::body::Body;
use axum::response::{Html, IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};

use crate::http::problem::Problem;

/// Answers shorter than this are not compressed, in bytes.
const COMPRESSED_MIN: usize = 1_024;

/// A rendered page.
#[derive(Debug)]
pub(super) struct Page(String);

impl Page {
    /// Renders `template`.
    pub(super) fn render(template: &impl Template) -> Result<Self, Problem> {
        template.render().map(Self).map_err(|error| Problem::internal(&error))
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = Html(self.0.clone()).into_response();
        response.extensions_mut().insert(Rendered(self.0));
        response
    }
}

/// The text of a page, in the extensions of its answer.
#[derive(Debug, Clone)]
struct Rendered(String);

/// Compresses a page for a browser that accepts it.
pub(super) fn compress(mut response: Response, asked: &HeaderMap) -> Response {
    let Some(Rendered(text)) = response.extensions_mut().remove() else { return response };
    response.headers_mut().append(VARY, HeaderValue::from_static("Accept-Encoding"));
    if text.len() < COMPRESSED_MIN || !accepts_gzip(asked) {
        return response;
    }
    let Some(packed) = gzip(text.as_bytes(), Compression::fast()) else { return response };
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    debug_assert!(headers.contains_key(CONTENT_TYPE));
    *response.body_mut() = Body::from(packed);
    response
}

/// Whether the client accepts gzip (RFC 9110, section 12.5.3).
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight: String = weight.chars().filter(|it| !it.is_whitespace()).collect();
        let is_refused = matches!(weight.as_str(), "q=0" | "q=0." | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

pub(super) fn gzip(bytes: &[u8], level: Compression) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}
