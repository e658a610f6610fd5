//! A problem as a page.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::RETRY_AFTER;

use super::frame::Frame;
use super::page::Page;
use super::signing_in::SignedIn;
use crate::app::App;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "error_page.html")]
struct ErrorPage<'a> {
    frame: Option<Frame>,
    title: &'a str,
    detail: &'a str,
    code: &'a str,
    request_id: Option<&'a str>,
}

/// The answer that shows `problem`.
pub(super) fn show(
    app: &App,
    signed_in: Option<&SignedIn>,
    problem: &Problem,
    request_id: Option<&str>,
) -> Response {
    let title = problem.status.canonical_reason().unwrap_or("Problem");
    let frame = signed_in.map(|it| Frame::new(app, &it.held, "", None));
    let page = ErrorPage { frame, title, detail: &problem.detail, code: problem.code, request_id };
    let mut response = match Page::render(&page) {
        Ok(page) => page.into_response(),
        Err(problem) => problem.into_response(),
    };
    *response.status_mut() = problem.status;
    if let Some(seconds) = problem.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
