//! Changes of one sink. Each leads back to the page, which shows the effect.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Redirect;

use crate::api;
use crate::api::cost::Change;
use crate::app::App;
use crate::http::problem::Problem;
use crate::web::console::caller::Operator;
use crate::web::console::form::Form;
use crate::web::console::link;

/// `POST /queues/pause`.
pub(in crate::web::console) async fn pause(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    form: Form,
) -> Result<Redirect, Problem> {
    let sink = sink_of(&form)?;
    api::pause_sink(&app, sink, true).await?;
    Ok(back("paused", sink))
}

/// `POST /queues/resume`.
pub(in crate::web::console) async fn resume(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    form: Form,
) -> Result<Redirect, Problem> {
    let sink = sink_of(&form)?;
    api::pause_sink(&app, sink, false).await?;
    Ok(back("resumed", sink))
}

/// `POST /queues/check`.
pub(in crate::web::console) async fn check(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    form: Form,
) -> Result<Redirect, Problem> {
    let sink = sink_of(&form)?;
    api::check_sink(&app, sink).await?;
    Ok(back("checked", sink))
}

fn sink_of(form: &Form) -> Result<&str, Problem> {
    form.required("sink", "name of the sink")
}

fn back(done: &str, sink: &str) -> Redirect {
    Redirect::to(&link::to("/queues", [("done", Some(done)), ("sink", Some(sink))]))
}
