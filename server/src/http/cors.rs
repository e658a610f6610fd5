//! Cross-origin requests (Fetch standard, "CORS protocol"): pages of any origin may send events and
//! read the answers. A write key is public and no cookie is read, so any origin is allowed.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// Addresses that pages of any origin send events to.
const INTAKE_PREFIX: &str = "/v1/";
/// Headers that are always allowed.
const USUAL_HEADERS: &str = "Authorization, Content-Type, Content-Encoding, X-Request-Id";
/// Headers of an answer that a page may read, besides those that every page may read.
pub(super) const EXPOSED_HEADERS: &str = "Retry-After, X-Request-Id, Lamplight-Partial";
/// Most headers, and most bytes of their names, that a preflight request is allowed in addition.
const EXTRA_HEADERS_MAX: usize = 64;
const EXTRA_BYTES_MAX: usize = 4 * 1024;
/// How long a browser may keep the answer to a preflight request, in seconds. Firefox keeps it for
/// a day at most, and Chromium for two hours.
const MAX_AGE_S: &str = "86400";

/// Chromium asks a server on a private network or on this machine whether pages of the public
/// internet may send to it (Private Network Access).
pub(super) const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
pub(super) const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

/// Whether pages may use this address from other origins.
pub(super) fn applies_to(path: &str) -> bool {
    path.starts_with(INTAKE_PREFIX)
}

/// Whether the request asks which requests a page of another origin may send.
pub fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && applies_to(request.uri().path())
}

/// Lets pages of any origin read the answer with these headers.
pub(super) fn allow(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
}

/// Answers the preflight request that a browser sends before a cross-origin POST with certain
/// headers.
///
/// It allows whatever headers are asked for, because tracing libraries replace `fetch` and add
/// their own to every request (`traceparent`, `baggage`, `sentry-trace`). A header that is not
/// allowed would stop the page from sending anything, and intake ignores those that it does not
/// know. `*` would do the same except for `Authorization`, but older browsers take it literally.
pub async fn preflight(request: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(&request));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
    headers.insert(
        VARY,
        HeaderValue::from_static(
            "Access-Control-Request-Headers, Access-Control-Request-Private-Network",
        ),
    );
    if request.get(&REQUEST_PRIVATE_NETWORK).is_some_and(|value| value == "true") {
        headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
    response
}

/// The usual headers, and of those that `request` asks for the valid names, up to a limit.
pub(super) fn allowed_headers(request: &HeaderMap) -> HeaderValue {
    let usual: Vec<HeaderName> = names(USUAL_HEADERS.as_bytes()).collect();
    let asked = request.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let asked = asked.flat_map(|value| names(value.as_bytes()));
    let (mut extra, mut bytes) = (Vec::new(), 0);
    for name in asked.filter(|name| !usual.contains(name)) {
        if extra.contains(&name) {
            continue;
        }
        bytes += name.as_str().len();
        if extra.len() >= EXTRA_HEADERS_MAX || bytes > EXTRA_BYTES_MAX {
            break;
        }
        extra.push(name);
    }
    let mut text = USUAL_HEADERS.to_owned();
    for name in extra {
        text.push_str(", ");
        text.push_str(name.as_str());
    }
    // Names of headers are tokens, so the text is always a valid value.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(USUAL_HEADERS))
}

/// The valid names in a list of headers, in lower case.
fn names(list: &[u8]) -> impl Iterator<Item = HeaderName> {
    let names = list.split(|byte| *byte == b',');
    names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allowed(asked: &[&str]) -> String {
        let asked = asked.iter().map(|text| HeaderValue::from_bytes(text.as_bytes()).unwrap());
        let request = asked.map(|value| (ACCESS_CONTROL_REQUEST_HEADERS, value)).collect();
        allowed_headers(&request).to_str().unwrap().to_owned()
    }

    #[test]
    fn what_is_asked_for_is_allowed_once_and_only_if_it_is_a_name() {
        assert_eq!(allowed(&[]), USUAL_HEADERS);
        assert_eq!(allowed(&["content-type,AUTHORIZATION", ""]), USUAL_HEADERS);
        let with = |extra: &str| format!("{USUAL_HEADERS}, {extra}");
        assert_eq!(
            allowed(&["baggage,content-type, traceparent", "Sentry-Trace,baggage"]),
            with("baggage, traceparent, sentry-trace")
        );
        assert_eq!(allowed(&["a b,c:d,(e),ok,é,,\tf\t,\"g\""]), with("ok, f"));
    }

    #[test]
    fn a_list_beyond_the_limits_is_cut() {
        let many: Vec<String> = (0..10_000).map(|n| format!("x-{n:05}")).collect();
        let answer = allowed(&[&many.join(",")]);
        assert_eq!(answer.split(", ").count(), 4 + EXTRA_HEADERS_MAX);
        assert!(answer.contains("x-00063") && !answer.contains("x-00064"));
        let long = format!("x-first,{}", "y".repeat(EXTRA_BYTES_MAX));
        assert_eq!(allowed(&[&long]), format!("{USUAL_HEADERS}, x-first"));
    }

    proptest! {
        #[test]
        fn any_list_gets_an_answer_of_valid_names(asked: Vec<u8>) {
            let Ok(value) = HeaderValue::from_bytes(&asked) else { return Ok(()) };
            let request = HeaderMap::from_iter([(ACCESS_CONTROL_REQUEST_HEADERS, value)]);
            let answer = allowed_headers(&request);
            let answer = answer.to_str().unwrap();
            prop_assert!(answer.starts_with(USUAL_HEADERS));
            prop_assert_eq!(names(answer.as_bytes()).count(), answer.split(',').count());
        }
    }
}
