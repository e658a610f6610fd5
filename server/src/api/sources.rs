//! `POST /api/sources/{name}/forget`. Needs an admin token.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Admin;
use super::cost::Change;
use super::json::JsonResponse;
use super::params::Params;
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::{Problem, quoted};
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::Forgotten;

/// What no longer counts.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ForgottenNumbers")]
pub struct ForgottenJson {
    /// Producers whose counts changed.
    producers: u64,
    /// Declared numbers that no longer count.
    declared: u64,
    /// Missing numbers that no longer count.
    missing: u64,
}

/// Describes [`forget_source`].
pub const FORGET_SOURCE: Operation = Operation::new(
    Group::Operate,
    "forgetSource",
    "Forget what pages of a source claim",
)
.about(
    "Numbers of this source's pages that have not arrived then count in no total. Stored events \
             stay.",
)
.part(Param::new("name", Form::Text, "The name of the source").required().example("web"))
.problems(&["not_found"]);

/// `POST /api/sources/{name}/forget`: from now on, numbers of this source's producers that have not
/// arrived count in no total. Events stay, and one that arrives again is still a duplicate. It is
/// on disk when the call returns.
pub async fn forget_source(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    PathText(source): PathText,
    params: Params,
) -> Result<JsonResponse<ForgottenJson>, Problem> {
    params.finish(FORGET_SOURCE.query)?;
    let done = forget(&app, source).await?;
    JsonResponse::new(&ForgottenJson {
        producers: done.producers,
        declared: done.declared,
        missing: done.missing,
    })
}

/// Forgets what pages of a source claim, if there is such a source.
pub(crate) async fn forget(app: &App, source: String) -> Result<Forgotten, Problem> {
    let known = app.storage.reader.sources().await?;
    if !known.iter().any(|it| it.source == source) {
        let names: Vec<&str> = known.iter().map(|it| it.source.as_str()).collect();
        let names = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
        return Err(Problem::not_found(format!(
            "no source with numbered events has the name {}: use one of {names}",
            quoted(&source)
        )));
    }
    Ok(app.storage.events.forget(source).await?)
}
