//! Refuses requests whose form two programs could read differently, for example a proxy and this
//! server. hyper checks the rest of it.

use std::future::Future;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::TRANSFER_ENCODING;
use http::{HeaderMap, StatusCode};

use super::head_scan::HeadForm;
use super::host;
use super::problem::{Problem, quoted};

/// Refuses a request without exactly one valid `Host` header, or with a body whose length is not
/// clear, and closes its connection.
pub async fn require_clear<F: Future<Output = Response>>(
    mut request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let form = request.extensions().get::<HeadForm>().copied();
    let host = host::take_authority(&mut request);
    let host = host.and_then(|()| host::check(request.version(), request.headers()));
    let host = host.map_err(|detail| invalid("host_invalid", detail));
    match host.and_then(|()| check_length(request.headers(), form)) {
        Ok(()) => next(request).await,
        Err(problem) => problem.close().into_response(),
    }
}

fn invalid(code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, detail)
}

/// Checks the headers that tell where the body ends (RFC 9112, section 6.3).
fn check_length(headers: &HeaderMap, form: Option<HeadForm>) -> Result<(), Problem> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(encoding) = encodings.next() else { return Ok(()) };
    if encodings.next().is_some() || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        let given = quoted(&String::from_utf8_lossy(encoding.as_bytes()));
        let detail = format!(
            "unsupported Transfer-Encoding {given}: send `chunked` once, or a Content-Length. To \
             compress the body, use Content-Encoding"
        );
        return Err(invalid("body_length_unclear", detail));
    }
    match form {
        Some(HeadForm::TwoLengths) => {
            let detail =
                "the request has both Content-Length and Transfer-Encoding: send one of them";
            Err(invalid("body_length_unclear", detail.into()))
        }
        // On a new connection, its head is seen.
        Some(HeadForm::Unseen) => {
            let detail = "the head of this request with Transfer-Encoding arrived before the \
                          request before it had ended: retry after 1 s, on a new connection";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Err(Problem::new(status, "request_pipelined", detail).retry_after_s(1))
        }
        Some(HeadForm::Clear) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn is_clear(encodings: &[&'static str], form: HeadForm) -> bool {
        let headers =
            encodings.iter().map(|it| (TRANSFER_ENCODING, HeaderValue::from_static(it))).collect();
        check_length(&headers, Some(form)).is_ok()
    }

    #[test]
    fn only_chunked_alone_is_a_clear_encoding() {
        assert!(is_clear(&["chunked"], HeadForm::Clear) && is_clear(&["Chunked"], HeadForm::Clear));
        for odd in ["gzip, chunked", "chunked, chunked", "identity", "", ",chunked", "xchunked"] {
            assert!(!is_clear(&[odd], HeadForm::Clear), "{odd}");
        }
        assert!(!is_clear(&["gzip", "chunked"], HeadForm::Clear));
        assert!(!is_clear(&["chunked"], HeadForm::TwoLengths));
        assert!(!is_clear(&["chunked"], HeadForm::Unseen));
        assert!(is_clear(&[], HeadForm::Unseen), "its Content-Length was read");
    }
}
