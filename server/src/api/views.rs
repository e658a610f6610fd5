//! `/api/views`: filters of the console's lists that were saved under a name.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::{Admin, Reader};
use super::cost::{Change, Summary};
use super::json::{JsonBody, JsonResponse};
use super::params::{Params, invalid, invalid_value};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param, RequestBody};
use crate::store::saved_views::SAVED_VIEWS_MAX;
use crate::store::{SavedView, StoreError};

/// Longest name of a view, in characters.
const NAME_CHARS_MAX: usize = 80;
/// Longest query string of a view, in bytes.
const QUERY_BYTES_MAX: usize = 4_096;
/// The form of a page's name, for error messages.
const PAGE: &str = "the name of a page, such as events";

/// The saved views of a page, by name.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SavedViews")]
pub struct ViewsJson {
    views: Vec<ViewJson>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SavedView")]
struct ViewJson {
    page: String,
    name: String,
    /// The filter, as the query string of the page.
    query: String,
    /// When it was saved, in milliseconds since 1970.
    saved: i64,
}

impl ViewJson {
    fn new(SavedView { page, name, query, made_ms }: SavedView) -> Self {
        Self { page, name, query, saved: made_ms }
    }
}

/// A view to save.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SavedViewRequest")]
#[serde(deny_unknown_fields)]
pub struct SaveRequest {
    /// The page that it is of, such as `events`.
    page: String,
    /// Its name, of at most 80 characters. A view with the same name is replaced.
    name: String,
    /// The filter, as the query string of the page.
    query: String,
}

impl RequestBody for SaveRequest {}

/// A view to delete.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SavedViewName")]
#[serde(deny_unknown_fields)]
pub struct DeleteRequest {
    /// The page that it is of.
    page: String,
    /// Its name.
    name: String,
}

impl RequestBody for DeleteRequest {}

/// Whether a view was deleted.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeletedView")]
pub struct DeletedJson {
    /// Whether there was one with this name.
    deleted: bool,
}

/// Describes [`views`].
pub const VIEWS: Operation =
    Operation::new(Group::Query, "listViews", "List saved filters of the console").query(&[&[
        Param::new("page", Form::Pattern("^[a-z-]{1,32}$"), "The page that they are of")
            .required()
            .example("events"),
    ]]);

/// Describes [`save_view`].
pub const SAVE_VIEW: Operation =
    Operation::new(Group::Operate, "saveView", "Save a filter of the console under a name")
        .about("A page has at most 100. Everyone who may use the console sees them.")
        .body_example(r#"{"page": "events", "name": "Paid orders", "query": "name=order_paid"}"#)
        .problems(&["parameter_invalid", "views_full"]);

/// Describes [`delete_view`].
pub const DELETE_VIEW: Operation =
    Operation::new(Group::Operate, "deleteView", "Delete a saved filter of the console")
        .body_example(r#"{"page": "events", "name": "Paid orders"}"#);

/// `GET /api/views`: the saved views of a page.
pub async fn views(
    _: Reader<Summary>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse<ViewsJson>, Problem> {
    let page = params.value("page", PAGE, |text| is_page(text).then(|| text.to_owned()))?;
    params.finish(VIEWS.query)?;
    let Some(page) = page else {
        return Err(invalid(format!("missing query parameter `page`: send {PAGE}")));
    };
    let views = list(&app, page).await?;
    JsonResponse::new(&ViewsJson { views: views.into_iter().map(ViewJson::new).collect() })
}

/// `POST /api/views`: saves a view, in place of the one with its name.
pub async fn save_view(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    JsonBody(SaveRequest { page, name, query }): JsonBody<SaveRequest>,
) -> Result<JsonResponse<ViewsJson>, Problem> {
    let view = save(&app, page, name, query).await?;
    JsonResponse::new(&ViewsJson { views: vec![ViewJson::new(view)] })
}

/// `POST /api/views/delete`: deletes a view.
pub async fn delete_view(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    JsonBody(DeleteRequest { page, name }): JsonBody<DeleteRequest>,
) -> Result<JsonResponse<DeletedJson>, Problem> {
    JsonResponse::new(&DeletedJson { deleted: delete(&app, page, name).await? })
}

/// The saved views of a page, by name.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn list(app: &App, page: String) -> Result<Vec<SavedView>, StoreError> {
    app.storage.saved_views.list(page).await
}

/// Saves a view, in place of the one with its name.
///
/// # Errors
/// What is wrong with it, or that its page has too many.
pub(crate) async fn save(
    app: &App,
    page: String,
    name: String,
    query: String,
) -> Result<SavedView, Problem> {
    let name = name.trim().to_owned();
    if !is_page(&page) {
        return Err(invalid_value("page", &page, PAGE));
    }
    if name.is_empty() || name.chars().nth(NAME_CHARS_MAX).is_some() {
        let expected = format!("1 to {NAME_CHARS_MAX} characters");
        return Err(invalid_value("name", &name, &expected));
    }
    if query.len() > QUERY_BYTES_MAX {
        return Err(invalid(format!(
            "the filter has {} bytes as a query string: save one of at most {QUERY_BYTES_MAX}",
            query.len()
        )));
    }
    let view = SavedView { page, name, query, made_ms: app.clock.now_ms() };
    if app.storage.saved_views.save(view.clone()).await? {
        return Ok(view);
    }
    Err(Problem::new(
        StatusCode::CONFLICT,
        "views_full",
        format!("this page has {SAVED_VIEWS_MAX} saved views: delete one first"),
    ))
}

/// Deletes a view. Whether there was one.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn delete(app: &App, page: String, name: String) -> Result<bool, StoreError> {
    app.storage.saved_views.delete(page, name).await
}

fn is_page(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}
