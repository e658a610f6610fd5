//! The page at `/` of `lamplight serve`.

use axum::response::Html;

/// `GET /`.
pub async fn page() -> Html<&'static str> {
    Html(include_str!("landing.html"))
}
