//! The demo page's files, built by `cargo xtask build` and carried in the binary.

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use rust_embed::RustEmbed;

use crate::http::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../www/dist"]
#[allow_missing = true]
struct Files;

/// What the page may load and do: what came from here, and WebAssembly.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; object-src 'none'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// `GET /demo/`.
pub(super) async fn index() -> Response {
    match Files::get("index.html") {
        Some(file) => answer("index.html", file.data.into_owned()),
        None => ([(CONTENT_SECURITY_POLICY, POLICY)], Html(include_str!("not_built.html")))
            .into_response(),
    }
}

/// `GET /demo/<path>`.
pub(super) async fn file(Path(path): Path<String>) -> Response {
    match Files::get(&path) {
        Some(file) => answer(&path, file.data.into_owned()),
        None => Problem::not_found("the demo has no such file").into_response(),
    }
}

fn answer(path: &str, data: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type(path)),
        (CONTENT_SECURITY_POLICY, POLICY),
        // A rebuilt page must show at once.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, data).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("txt") => "text/plain; charset=utf-8",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
