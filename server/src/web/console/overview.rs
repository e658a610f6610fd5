//! `/overview`: what was made, received, stored, delivered and lost, and how the server is.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::caller::Viewer;
use super::frame::Frame;
use super::page::Page;
use super::shown;
use crate::api::cost::Summary;
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::Totals;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Option<Frame>,
    totals: Totals,
}

/// `GET /overview`.
pub(super) async fn show(
    viewer: Viewer<Summary>,
    State(app): State<Arc<App>>,
) -> Result<Page, Problem> {
    let totals = app.storage.reader.totals(app.known_now_ms()).await?;
    Page::render(&Overview { frame: viewer.frame("/overview"), totals })
}
