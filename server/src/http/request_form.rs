//! Refuses requests whose form two programs could read differently, for example a proxy and this
//! server. hyper checks the rest of it.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::TRANSFER_ENCODING;
use http::{HeaderMap, StatusCode};

use super::head_scan::HeadForm;
use super::host;
use super::problem::{Problem, quoted};

/// Refuses a request without exactly one valid `Host` header, or with a body whose length is not
/// clear, and closes its connection.
pub async fn require_clear(request: Request, next: Next) -> Response {
    let form = request.extensions().get::<HeadForm>().copied();
    let refused =
        |code, detail| Problem::new(StatusCode::BAD_REQUEST, code, detail).close().into_response();
    if let Err(detail) = host::check(request.version(), request.headers()) {
        return refused("host_invalid", detail);
    }
    if let Err(detail) = check_length(request.headers(), form) {
        return refused("body_length_unclear", detail);
    }
    next.run(request).await
}

/// Checks the headers that tell where the body ends (RFC 9112, section 6.3).
fn check_length(headers: &HeaderMap, form: Option<HeadForm>) -> Result<(), String> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(encoding) = encodings.next() else { return Ok(()) };
    if encodings.next().is_some() || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        let given = String::from_utf8_lossy(encoding.as_bytes());
        return Err(format!(
            "unsupported Transfer-Encoding {}: send `chunked` once, or a Content-Length. To \
             compress the body, use Content-Encoding",
            quoted(&given)
        ));
    }
    match form {
        Some(HeadForm::TwoLengths) => Err("the request has both Content-Length and \
             Transfer-Encoding: send one of them"
            .into()),
        Some(HeadForm::Unseen) => {
            Err("a request with Transfer-Encoding arrived before the answer \
             to the one before it: wait for each answer, or send a Content-Length"
                .into())
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
