//! What the buttons of the page do.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Redirect;

use super::subject::Subject;
use crate::api::cost::Change;
use crate::api::{Trace, Verb, read_trace};
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

fn back(subject: &Subject, done: &str) -> Redirect {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("done", done);
    if let Some(source) = &subject.asked_source {
        query.append_pair("source", source);
    }
    Redirect::to(&format!("{}?{}", subject.path, query.finish()))
}

/// A button of the page.
enum Button {
    /// Processes the event's payload again.
    Replay,
    /// Queues the delivery to one sink again.
    RetryDelivery,
    /// Puts the event's payload, which is set aside, in the queue again.
    RetryPayload,
}

/// Does what a button says, and leads back to the page.
async fn press(app: &App, id: &str, form: &Form, button: Button) -> Result<Redirect, Problem> {
    let source = form.text("source").map(str::to_owned);
    let trace = read_trace(app, id, source.clone()).await?;
    let subject = Subject::new(id, source, &trace);
    let now_ms = app.clock.now_ms();
    let done = match button {
        Button::Replay => {
            let payload = subject.payload.ok_or_else(|| {
                Problem::not_found("this event has not arrived, so there is nothing to replay")
            })?;
            app.storage.replays.begin(PayloadSpan::one(payload), now_ms).await?;
            "replay"
        }
        Button::RetryDelivery => {
            let sink = Some(form.required("sink", "sink")?.to_owned());
            let Trace::Stored { event, .. } = trace else {
                return Err(Problem::not_found("this event is not stored, so no sink is owed it"));
            };
            let event = Some(event.row.id);
            let ask = RetryAsk { sink, event, now_ms, ..RetryAsk::default() };
            let retried = app.storage.delivery_queue.retry_dead(ask).await?;
            if retried.count > 0 { "retry" } else { "no_retry" }
        }
        Button::RetryPayload => {
            let verb = Verb::Retry;
            let payload = subject.payload.ok_or_else(|| verb.no_payload())?;
            if !verb.apply_to_payload(app, payload, now_ms).await? {
                return Err(verb.no_payload());
            }
            "retry_payload"
        }
    };
    Ok(back(&subject, done))
}

/// `POST /events/{id}/replay`.
pub(in crate::web::console) async fn replay(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    form: Form,
) -> Result<Redirect, Problem> {
    press(&app, &id, &form, Button::Replay).await
}

/// `POST /events/{id}/retry`.
pub(in crate::web::console) async fn retry_delivery(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    form: Form,
) -> Result<Redirect, Problem> {
    press(&app, &id, &form, Button::RetryDelivery).await
}

/// `POST /events/{id}/retry-payload`.
pub(in crate::web::console) async fn retry_payload(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    form: Form,
) -> Result<Redirect, Problem> {
    press(&app, &id, &form, Button::RetryPayload).await
}
