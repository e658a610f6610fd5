//! `/errors/confirm`: what a button will change, before it does.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::selection::{Selection, Verb};
use crate::api::Params;
use crate::api::cost::List;
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Param};
use crate::web::console::caller::Operator;
use crate::web::console::frame::Frame;
use crate::web::console::page::Page;
use crate::web::console::shown;

/// What the page takes.
const QUERY: &[Param] = &[
    Param::new("action", Form::OneOf(&["retry", "discard", "restore"]), "What is done"),
    Param::new("sink", Form::Text, "Deliveries to this sink"),
    Param::new("reason", Form::Text, "Deliveries given up for this reason"),
    Param::new("event", Form::Uuid, "The delivery of this event"),
    Param::new("source", Form::Text, "Payloads of this source"),
    Param::new("payload", Form::Uuid, "This payload"),
];

#[derive(Template)]
#[template(path = "errors/confirm.html")]
struct ConfirmPage {
    frame: Option<Frame>,
    verb: Verb,
    selection: Selection,
    count: u64,
    is_more: bool,
}

impl ConfirmPage {
    fn noun(&self) -> String {
        match self.selection {
            Selection::Deliveries { .. } => shown::counted(self.count, "delivery", "deliveries"),
            Selection::Payloads { .. } => shown::counted(self.count, "payload", "payloads"),
        }
    }

    fn title(&self) -> &'static str {
        match self.verb {
            Verb::Retry => "Retry",
            Verb::Discard => "Discard",
            Verb::Restore => "Restore",
        }
    }

    fn is_of_deliveries(&self) -> bool {
        matches!(self.selection, Selection::Deliveries { .. })
    }
}

/// `GET /errors/confirm`.
pub(in crate::web::console) async fn show(
    operator: Operator<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Page, Problem> {
    let verb = params.value("action", "retry, discard or restore", Verb::from_name)?;
    let selection = Selection::of_params(&mut params)?;
    params.finish(&[QUERY])?;
    let verb = verb.unwrap_or(Verb::Retry);
    let (count, is_more) = selection.apply(&app, verb, 0, true).await?;
    // A question has no JSON.
    let frame = operator.0.frame("/errors").map(|mut frame| {
        frame.json = None;
        frame
    });
    Page::render(&ConfirmPage { frame, verb, selection, count, is_more })
}
