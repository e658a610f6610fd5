//! The SDK as scripts, which are built with the npm package and embedded in the binary.
//!
//! `/lamplight.js` is for pages without a bundler. It loads the full client after the page has
//! loaded, the translated client where the page forbids WebAssembly, and warnings about mistakes on
//! the developer's machine.

use std::borrow::Cow;
use std::fmt::Write;

use axum::body::Body;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE,
    ETAG, HeaderName, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use rust_embed::RustEmbed;

use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param, Shape};

#[derive(RustEmbed)]
#[folder = "../npm/served"]
#[allow_missing = true]
struct Files;

const NAME: &str = "lamplight.js";
const FULL: &str = "lamplight-full.js";
const TRANSLATED: &str = "lamplight-translated.js";
const DEBUG: &str = "lamplight-debug.js";
/// Encodings, the best first, each with the suffix of its file names.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];
/// A browser may reuse the script for an hour, and for a day while it fetches the current one.
const CACHE: &str = "public, max-age=3600, stale-while-revalidate=86400";

const BUILD: &[&[Param]] = &[&[Param::new(
    "build",
    Form::Pattern("^[0-9a-f]{16}$"),
    "The build of the script that loads it",
)
.required()]];

/// Describes [`script`].
pub const SCRIPT: Operation =
    Operation::new(Group::Browser, "getScript", "The SDK as a script, for pages without a bundler")
        .problems(&["script_not_built"]);
/// Describes [`full`].
pub const FULL_CLIENT: Operation =
    Operation::new(Group::Browser, "getFullClient", "The full client, which the script loads")
        .query(BUILD)
        .problems(&["not_found", "script_not_built"]);
/// Describes [`translated`].
pub const TRANSLATED_CLIENT: Operation = Operation::new(
    Group::Browser,
    "getTranslatedClient",
    "The client for pages that forbid WebAssembly",
)
.query(BUILD)
.problems(&["not_found", "script_not_built"]);
/// Describes [`debug`].
pub const WARNINGS: Operation =
    Operation::new(Group::Browser, "getWarnings", "Warnings about mistakes, for developers")
        .query(BUILD)
        .problems(&["not_found", "script_not_built"]);

/// What all scripts are answered with.
pub fn describe(shape: &mut Shape<'_>) {
    shape.answer_text("text/javascript", "The script");
    shape.answer_empty(StatusCode::NOT_MODIFIED, "The client has this version already");
}

/// Whether the script is embedded in this binary.
pub fn is_built() -> bool {
    Files::get(NAME).is_some()
}

/// `GET /lamplight.js`, for pages of any origin.
pub async fn script(headers: HeaderMap) -> Response {
    answer(find(NAME, &headers), &headers)
}

/// `GET /lamplight-full.js?build=…`: the full client.
pub async fn full(RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    chunk(FULL, query.as_deref(), &headers)
}

/// `GET /lamplight-translated.js?build=…`: the full client without WebAssembly.
pub async fn translated(RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    chunk(TRANSLATED, query.as_deref(), &headers)
}

/// `GET /lamplight-debug.js?build=…`: warnings about mistakes, for developers.
pub async fn debug(RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    chunk(DEBUG, query.as_deref(), &headers)
}

/// The build is the first 16 hexadecimal digits of the file's SHA-256. A script and the client that
/// it loads call each other by short names, so they must come from one build. A page with an older
/// cached script continues without the full client.
fn chunk(name: &str, query: Option<&str>, headers: &HeaderMap) -> Response {
    let wanted = query.and_then(|query| query.strip_prefix("build="));
    let ours = Files::get(name).map(|file| tag(&file.metadata.sha256_hash()));
    if ours.is_some_and(|ours| ours.get(1..17) != wanted) {
        return Problem::not_found(
            "this script belongs to another build: load /lamplight.js again",
        )
        .into_response();
    }
    answer(find(name, headers), headers)
}

fn find(name: &str, headers: &HeaderMap) -> Option<Script> {
    let encoded = ENCODINGS.iter().filter(|(encoding, _)| accepts(headers, encoding));
    let mut forms = encoded.map(|(encoding, suffix)| (Some(*encoding), format!("{name}{suffix}")));
    let form = forms.find_map(|(encoding, name)| Some((encoding, Files::get(&name)?)));
    let (encoding, file) = form.or_else(|| Some((None, Files::get(name)?)))?;
    Some(Script { encoding, hash: file.metadata.sha256_hash(), text: file.data })
}

/// The script in one encoding.
struct Script {
    encoding: Option<&'static str>,
    hash: [u8; 32],
    text: Cow<'static, [u8]>,
}

fn answer(script: Option<Script>, headers: &HeaderMap) -> Response {
    let Some(Script { encoding, hash, text }) = script else {
        return Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "script_not_built",
            "this binary was built without the script: build it with cargo xtask build",
        )
        .into_response();
    };
    let tag = tag(&hash);
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(text.into_owned()))
    };
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    out.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE));
    out.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    // Pages that are isolated from other origins need this to load the script (Fetch standard,
    // "cross-origin resource policy").
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    out.insert(policy, HeaderValue::from_static("cross-origin"));
    if let Some(encoding) = encoding {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(ETAG, tag);
    }
    response
}

/// An entity tag: half of the hash is more than enough to tell builds apart.
fn tag(hash: &[u8; 32]) -> String {
    let mut tag = String::from("\"");
    for byte in &hash[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// Whether the client has the version with this `tag` (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let mut known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known.any(|list| {
        let mut tags = list.split(',').map(|known| known.trim().trim_start_matches("W/"));
        tags.any(|known| known == tag || known == "*")
    })
}

/// Whether the client accepts an encoding (RFC 9110, section 12.5.3).
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let mut lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lists.any(|list| {
        list.split(',').any(|one| {
            let (name, weight) = one.split_once(';').unwrap_or((one, ""));
            let weight =
                weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok());
            name.trim().eq_ignore_ascii_case(encoding) && weight.is_none_or(|weight| weight > 0.0)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        [(name, HeaderValue::from_static(value))].into_iter().collect()
    }

    fn built(encoding: Option<&'static str>) -> Script {
        Script { encoding, hash: [7; 32], text: Cow::Borrowed(b"script") }
    }

    #[test]
    fn any_page_may_load_and_cache_the_script() {
        let response = answer(Some(built(Some("br"))), &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::OK);
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(header("access-control-allow-origin"), "*");
        assert_eq!(header("cross-origin-resource-policy"), "cross-origin");
        assert_eq!(header("content-encoding"), "br");
        assert_eq!(header("vary"), "Accept-Encoding");
        assert_eq!(header("etag"), "\"07070707070707070707070707070707\"");
        assert!(header("cache-control").contains("max-age"));
    }

    #[test]
    fn a_client_with_the_current_script_gets_304() {
        for known in [
            "\"07070707070707070707070707070707\"",
            "\"a\", W/\"07070707070707070707070707070707\"",
            "*",
        ] {
            let response = answer(Some(built(None)), &headers(IF_NONE_MATCH, known));
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert!(response.headers().contains_key(ETAG));
        }
        let response = answer(Some(built(None)), &headers(IF_NONE_MATCH, "\"of another build\""));
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[test]
    fn a_binary_without_the_script_says_how_to_build_it() {
        let response = answer(None, &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
        let problem = response.extensions().get::<Problem>().unwrap();
        assert!(problem.detail.contains("cargo xtask build"));
    }

    #[test]
    fn only_an_encoding_that_the_client_accepts_is_used() {
        let is_accepted = |list, encoding| accepts(&headers(ACCEPT_ENCODING, list), encoding);
        assert!(is_accepted("gzip, deflate, br", "br") && is_accepted("BR;q=0.5", "br"));
        assert!(
            !is_accepted("gzip", "br")
                && !is_accepted("br;q=0, gzip", "br")
                && !is_accepted("brotli", "br")
        );
        assert!(!accepts(&HeaderMap::new(), "gzip"));
    }
}
