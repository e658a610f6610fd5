//! The page at `/` of `lamplight serve`.

use axum::response::Html;

use crate::openapi::{Group, Operation};

/// Describes [`page`].
pub const PAGE: Operation = Operation::new(Group::Browser, "getLandingPage", "What this server is");

/// `GET /`.
pub async fn page() -> Html<&'static str> {
    Html(include_str!("landing.html"))
}
