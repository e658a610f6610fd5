//! The style sheet, the scripts and the icon of the console. Their addresses change with their
//! content, so that browsers may keep them.

use std::sync::OnceLock;

use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use flate2::Compression;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use super::page::{accepts_gzip, gzip};
use crate::http::path_text::PathText;
use crate::http::problem::{Problem, quoted};

struct Asset {
    name: &'static str,
    media: &'static str,
    /// The files that it consists of.
    parts: &'static [&'static [u8]],
    made: OnceLock<Made>,
}

/// What is sent.
struct Made {
    /// The first digits of the hash.
    version: String,
    plain: Vec<u8>,
    packed: Option<Vec<u8>>,
}

macro_rules! asset {
    ($name:literal, $media:literal, $($path:literal),+) => {
        Asset {
            name: $name,
            media: $media,
            parts: &[$(include_bytes!($path)),+],
            made: OnceLock::new(),
        }
    };
}

static ASSETS: [Asset; 8] = [
    asset!(
        "console.css",
        "text/css; charset=utf-8",
        "assets/console.css",
        "assets/parts.css",
        "assets/pages.css"
    ),
    asset!("console.js", "text/javascript; charset=utf-8", "assets/console.js"),
    asset!("live.js", "text/javascript; charset=utf-8", "assets/live.js"),
    asset!("icon.svg", "image/svg+xml", "assets/icon.svg"),
    asset!("htmx.js", "text/javascript; charset=utf-8", "vendor/htmx.min.js"),
    asset!("sse.js", "text/javascript; charset=utf-8", "vendor/sse.min.js"),
    asset!("uplot.js", "text/javascript; charset=utf-8", "vendor/uplot.min.js"),
    asset!("uplot.css", "text/css; charset=utf-8", "vendor/uplot.min.css"),
];

impl Asset {
    fn made(&self) -> &Made {
        self.made.get_or_init(|| {
            let plain = self.parts.concat();
            let version = HEXLOWER.encode(&Sha256::digest(&plain)[..6]);
            let packed = gzip(&plain, Compression::best());
            Made { version, plain, packed }
        })
    }
}

/// The address of a file, for templates.
pub(super) fn address(name: &str) -> String {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    let version = asset.map_or("", |asset| asset.made().version.as_str());
    format!("/console/{name}?v={version}")
}

/// `GET /console/<file>`.
pub(super) async fn file(
    PathText(name): PathText,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asset = ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .ok_or_else(|| Problem::not_found(format!("the console has no file {}", quoted(&name))))?;
    let Made { version, plain, packed } = asset.made();
    // A page of an older server must not keep a newer file under its older address.
    let is_asked = query.as_deref().and_then(|it| it.strip_prefix("v=")) == Some(version.as_str());
    let cache = if is_asked { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = match packed {
        Some(packed) if accepts_gzip(&headers) => {
            ([(CONTENT_ENCODING, "gzip")], packed.as_slice()).into_response()
        }
        _ => plain.as_slice().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    Ok(response)
}
