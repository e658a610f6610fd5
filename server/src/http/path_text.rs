//! The variable part of a path.

use axum::extract::{FromRequestParts, Path};
use http::StatusCode;
use http::request::Parts;

use super::problem::{Problem, quoted};

/// The one variable part of a route's path, decoded. axum's own extractor answers in plain text
/// when it is not UTF-8.
#[derive(Debug)]
pub struct PathText(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        text.map(|Path(text)| Self(text)).map_err(|_| {
            let path = quoted(parts.uri.path());
            Problem::new(
                StatusCode::BAD_REQUEST,
                "path_invalid",
                format!("the path {path} is not UTF-8 after percent-decoding: encode it as UTF-8"),
            )
        })
    }
}
