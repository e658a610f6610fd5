//! `/producers/forget`: what forgetting a source changes, and then the change.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Redirect;

use crate::api::cost::{Change, Summary};
use crate::api::{self, Params};
use crate::app::App;
use crate::http::problem::{Problem, quoted};
use crate::store::SourceTotals;
use crate::web::console::caller::Operator;
use crate::web::console::form::Form;
use crate::web::console::frame::Frame;
use crate::web::console::link;
use crate::web::console::page::Page;
use crate::web::console::shown;

#[derive(Template)]
#[template(path = "producers/forgetting.html")]
struct ForgetPage {
    frame: Option<Frame>,
    totals: SourceTotals,
    /// How many numbers no longer count afterwards.
    numbers: String,
}

/// `GET /producers/forget`.
pub(in crate::web::console) async fn ask_to_forget(
    Operator(viewer): Operator<Summary>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Page, Problem> {
    let source = params.text("source").unwrap_or_default();
    params.finish(&[])?;
    let sources = app.storage.reader.sources().await?;
    let totals = sources.into_iter().find(|it| it.source == source).ok_or_else(|| {
        Problem::not_found(format!(
            "no source with numbered events has the name {}",
            quoted(&source)
        ))
    })?;
    let numbers = shown::count(totals.missing + totals.declared);
    let frame = viewer.frame("/producers").map(Frame::without_json);
    Page::render(&ForgetPage { frame, totals, numbers })
}

/// `POST /producers/forget`.
pub(in crate::web::console) async fn forget(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    form: Form,
) -> Result<Redirect, Problem> {
    let source = form.required("source", "name of the source")?.to_owned();
    api::forget(&app, source.clone()).await?;
    Ok(Redirect::to(&link::to("/producers", [("source", Some(&*source))])))
}
