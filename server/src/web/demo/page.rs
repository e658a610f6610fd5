//! The files of the demo page, which `cargo xtask build` builds and embeds in the binary.

use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use rust_embed::RustEmbed;

use crate::http::path_text::PathText;
use crate::http::problem::{Problem, quoted};

#[derive(RustEmbed)]
#[folder = "../www/dist"]
#[allow_missing = true]
struct Files;

/// The page's content security policy: files from this server, and WebAssembly. Its forms lead to
/// the console.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// Whether the page is embedded in this binary.
pub(crate) fn is_built() -> bool {
    Files::get("index.html").is_some()
}

/// `GET /demo/`.
pub async fn index() -> Response {
    match Files::get("index.html") {
        Some(file) => answer("index.html", file.data.into_owned()),
        None => ([(CONTENT_SECURITY_POLICY, POLICY)], Html(include_str!("not_built.html")))
            .into_response(),
    }
}

/// `GET /demo/<path>`.
///
/// # Errors
/// A 404 when the demo has no such file.
pub async fn file(PathText(path): PathText) -> Result<Response, Problem> {
    let file = Files::get(&path).ok_or_else(|| {
        Problem::not_found(format!("the demo has no file {}: open /demo/", quoted(&path)))
    })?;
    Ok(answer(&path, file.data.into_owned()))
}

fn answer(path: &str, data: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type(path)),
        (CONTENT_SECURITY_POLICY, POLICY),
        // Without a cache, a rebuilt page appears at once.
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
