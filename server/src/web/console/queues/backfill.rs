//! `/queues/backfill`: how many past events a sink would get, and then the backfill.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Redirect;

use crate::api::cost::Change;
use crate::api::{self, Params, PastEvents};
use crate::app::App;
use crate::http::problem::{Problem, quoted};
use crate::store::BackfillCount;
use crate::web::console::caller::Operator;
use crate::web::console::form::Form;
use crate::web::console::frame::Frame;
use crate::web::console::link;
use crate::web::console::page::Page;
use crate::web::console::shown;

/// The fields of the form, beside the sink.
const FIELDS: [&str; 5] = ["from", "to", "name", "source", "type"];

#[derive(Template)]
#[template(path = "queues/backfill.html")]
struct BackfillPage {
    frame: Option<Frame>,
    sink: String,
    from: String,
    to: String,
    name: String,
    source: String,
    kind: String,
    count: Option<BackfillCount>,
    has_more: bool,
    continues: bool,
    action: String,
}

/// `GET /queues/backfill`. Counts once `from` is given.
pub(in crate::web::console) async fn count_backfill(
    Operator(viewer): Operator<Change>,
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Page, Problem> {
    let query = query.unwrap_or_default();
    let form = Form::read(query.as_bytes());
    let (sink, params) = read(&app, &query)?;
    let text = |name: &str| form.text(name).unwrap_or_default().to_owned();
    let counted = match form.text("from") {
        Some(_) => Some(api::run_backfill(&app, &sink, PastEvents::read(params)?, true).await?),
        None => None,
    };
    let fields = FIELDS.iter().copied().chain(["cursor"]).map(|name| (name, form.text(name)));
    let action = link::to("/queues/backfill", [("sink", Some(&*sink))].into_iter().chain(fields));
    Page::render(&BackfillPage {
        frame: viewer.frame("/queues").map(Frame::without_json),
        from: text("from"),
        to: text("to"),
        name: text("name"),
        source: text("source"),
        kind: text("type"),
        has_more: counted.as_ref().is_some_and(|(_, next)| next.is_some()),
        count: counted.map(|(count, _)| count),
        continues: form.text("cursor").is_some(),
        action,
        sink,
    })
}

/// `POST /queues/backfill`, with the query of the page that counted. Leads to the count of the
/// events that are left, or back to the queues.
pub(in crate::web::console) async fn begin_backfill(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Redirect, Problem> {
    let query = query.unwrap_or_default();
    let (sink, params) = read(&app, &query)?;
    let (_, next) = api::run_backfill(&app, &sink, PastEvents::read(params)?, false).await?;
    let Some(next) = next else {
        let done = [("done", Some("queued")), ("sink", Some(&*sink))];
        return Ok(Redirect::to(&link::to("/queues", done)));
    };
    let form = Form::read(query.as_bytes());
    let fields = FIELDS.iter().map(|name| (*name, form.text(name)));
    let fields = [("sink", Some(&*sink))].into_iter().chain(fields);
    Ok(Redirect::to(&link::to("/queues/backfill", fields.chain([("cursor", Some(&*next))]))))
}

/// The sink, which must be configured, and the other parameters.
fn read(app: &App, query: &str) -> Result<(String, Params), Problem> {
    let mut params = Params::read(Some(query))?.without_empty();
    let sink = params.text("sink").unwrap_or_default();
    if app.sinks.find(&sink).is_none() {
        let why = format!("no sink with the name {} is configured", quoted(&sink));
        return Err(Problem::not_found(why));
    }
    Ok((sink, params))
}
