//! What the forms of `/sources` do: create keys and change them.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Redirect;
use http::HeaderMap;

use super::super::caller::Operator;
use super::super::form::{Form, invalid};
use super::super::frame::Frame;
use super::super::page::Page;
use super::super::shown::{self, Markup};
use super::super::{link, server_url, snippets};
use crate::api::cost::Change;
use crate::api::{KeyChange, KeyJson, LimitChange, NewKey, apply_key_change, make_key};
use crate::app::App;
use crate::http::problem::{Problem, quoted};

#[derive(Template)]
#[template(path = "sources/key_made.html")]
struct KeyMade {
    frame: Option<Frame>,
    key: KeyJson,
    snippets: Option<Markup>,
}

/// `POST /sources/keys`: creates a key. The answer is the only page that shows a secret one.
pub(in super::super) async fn create(
    operator: Operator<Change>,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Page, Problem> {
    let new = NewKey {
        kind: form.required("kind", "kind")?.to_owned(),
        source: form.required("source", "source")?.to_owned(),
        origins: origins(&form),
        bytes_per_s: rate(&form, "bytes_per_s")?,
        events_per_s: rate(&form, "events_per_s")?,
    };
    let key = make_key(&app, new).await?;
    let url = server_url::of(&app, &headers);
    let snippets = snippets::render(&url, std::slice::from_ref(&key))?;
    let mut frame = operator.0.frame("/sources");
    if let Some(frame) = frame.as_mut() {
        frame.json = None;
    }
    Page::render(&KeyMade { frame, key, snippets })
}

/// `POST /sources/keys/change`: changes the rules of a key, disables it or enables it.
pub(in super::super) async fn change(
    operator: Operator<Change>,
    State(app): State<Arc<App>>,
    form: Form,
) -> Result<Redirect, Problem> {
    let id = form.required("id", "id of the key")?;
    let disabled = match form.text("disabled") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => {
            return Err(invalid(format!(
                "invalid value {} for `disabled`: send true or false",
                quoted(other)
            )));
        }
    };
    let mut change = KeyChange { disabled, ..KeyChange::default() };
    if form.text("rules").is_some() {
        change.origins = Some(origins(&form));
        change.events_per_s = LimitChange::Set(rate(&form, "events_per_s")?);
        change.bytes_per_s = LimitChange::Set(rate(&form, "bytes_per_s")?);
    }
    let key = apply_key_change(&app, &operator.0.held, id, change).await?;
    let changed = ("changed", key.id.as_str());
    Ok(Redirect::to(&match key.kind {
        "write" | "secret" => link::with("/sources/source", &[("source", &key.source), changed]),
        _ => link::with("/sources", &[changed]),
    }))
}

/// One origin a line, or several with spaces between them.
fn origins(form: &Form) -> Vec<String> {
    form.text("origins").into_iter().flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// A rate, which may be empty.
fn rate(form: &Form, name: &str) -> Result<Option<u64>, Problem> {
    let Some(text) = form.text(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        invalid(format!(
            "invalid value {} for `{name}`: send a whole number, or leave it empty",
            quoted(text)
        ))
    })
}
