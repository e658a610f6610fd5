//! What the buttons of the page do.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Redirect;

use super::subject::Subject;
use crate::api::cost::Change;
use crate::api::{Trace, not_set_aside, read_trace};
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::Problem;
use crate::store::{PayloadSpan, RetryAsk};
use crate::web::console::caller::Operator;
use crate::web::console::form::Form;

/// What was done, as `?done=` names it, and what the page then says.
pub(super) fn message(done: &str) -> Option<&'static str> {
    Some(match done {
        "replay" => {
            "The replay of its payload was requested. It runs in the background, and changes nothing \
             that is stored already but its enrichment."
        }
        "retry" => "The delivery is in the queue again.",
        "no_retry" => "Nothing was retried: the delivery is not dead any more.",
        "retry_payload" => "Its payload is in the queue again.",
        _ => return None,
    })
}

/// The event that a button is for.
async fn subject(app: &App, id: &str, form: &Form) -> Result<(Trace, Subject), Problem> {
    let source = form.text("source").map(str::to_owned);
    let trace = read_trace(app, id, source.clone()).await?;
    let subject = Subject::new(id, source, &trace);
    Ok((trace, subject))
}

fn back(subject: &Subject, done: &str) -> Redirect {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("done", done);
    if let Some(source) = &subject.asked_source {
        query.append_pair("source", source);
    }
    Redirect::to(&format!("{}?{}", subject.path, query.finish()))
}

/// `POST /events/{id}/replay`: processes the event's payload again.
pub(in crate::web::console) async fn replay(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    form: Form,
) -> Result<Redirect, Problem> {
    let (_, subject) = subject(&app, &id, &form).await?;
    let payload = subject.payload.ok_or_else(|| {
        Problem::not_found("this event has not arrived, so there is nothing to replay")
    })?;
    app.storage.replays.begin(PayloadSpan::one(payload), app.clock.now_ms()).await?;
    Ok(back(&subject, "replay"))
}

/// `POST /events/{id}/retry`: queues the delivery to one sink again.
pub(in crate::web::console) async fn retry_delivery(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    form: Form,
) -> Result<Redirect, Problem> {
    let (trace, subject) = subject(&app, &id, &form).await?;
    let sink = form.required("sink", "sink")?.to_owned();
    let Trace::Stored { event, .. } = trace else {
        return Err(Problem::not_found("this event is not stored, so no sink is owed it"));
    };
    let ask = RetryAsk {
        sink: Some(sink),
        event: Some(event.row.id),
        now_ms: app.clock.now_ms(),
        ..RetryAsk::default()
    };
    let retried = app.storage.delivery_queue.retry_dead(ask).await?;
    Ok(back(&subject, if retried.count > 0 { "retry" } else { "no_retry" }))
}

/// `POST /events/{id}/retry-payload`: puts the event's payload, which is set aside, in the queue
/// again.
pub(in crate::web::console) async fn retry_payload(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    form: Form,
) -> Result<Redirect, Problem> {
    let (_, subject) = subject(&app, &id, &form).await?;
    let now_ms = app.clock.now_ms();
    if let Some(payload) = subject.payload
        && app.storage.payload_queue.retry(payload, now_ms).await?
    {
        return Ok(back(&subject, "retry_payload"));
    }
    Err(not_set_aside())
}
