//! What the buttons of the pages of errors do.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Redirect;

use super::selection::{Selection, Verb};
use crate::api::cost::Change;
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::Problem;
use crate::web::console::caller::Operator;
use crate::web::console::form::{Form, invalid};

/// `POST /errors/deliveries/{verb}`: retries, discards or restores dead letters of a sink.
pub(in crate::web::console) async fn deliveries(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    PathText(verb): PathText,
    form: Form,
) -> Result<Redirect, Problem> {
    form.required("sink", "sink")?;
    apply(&app, &verb, &form).await
}

/// `POST /errors/payloads/{verb}`: retries, discards or restores payloads that are set aside.
pub(in crate::web::console) async fn payloads(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    PathText(verb): PathText,
    form: Form,
) -> Result<Redirect, Problem> {
    if form.text("sink").is_some() {
        return Err(invalid("payloads have no sink: open the page again"));
    }
    apply(&app, &verb, &form).await
}

async fn apply(app: &App, verb: &str, form: &Form) -> Result<Redirect, Problem> {
    let verb = Verb::from_name(verb)
        .ok_or_else(|| Problem::not_found("nothing is at this address: open the page again"))?;
    let spread_min = match form.text("spread_min") {
        Some(text) => text
            .parse()
            .map_err(|_| invalid("the minutes are not a whole number: send one, such as 30"))?,
        None => 0,
    };
    let selection = Selection::of_form(form)?;
    let (count, _) = selection.apply(app, verb, spread_min, false).await?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("done", verb.name()).append_pair("count", &count.to_string());
    // What a click on "Undo" selects.
    for (name, value) in selection.fields() {
        if ["event", "payload"].contains(&name) {
            query.append_pair("of", &value);
        }
    }
    Ok(Redirect::to(&format!("{}&{}", selection.page(), query.finish())))
}
