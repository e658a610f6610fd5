//! Saved views of a list: filters under a name.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Redirect;

use super::list::PATH;
use crate::api::cost::Change;
use crate::api::views;
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::web::console::caller::Operator;
use crate::web::console::filter_query::{FilterQuery, Tidied};
use crate::web::console::form::Form;

/// The page that the views are of.
const PAGE: &str = "events";

/// A saved view.
#[derive(Debug)]
pub(super) struct ViewLink {
    pub(super) name: String,
    pub(super) address: String,
}

/// The saved views, for a page at `path`.
pub(super) async fn links(app: &App, path: &str) -> Result<Vec<ViewLink>, StoreError> {
    let views = views::list(app, PAGE.to_owned()).await?;
    let link = |name, query: String| ViewLink { name, address: filter(&query).at(path) };
    Ok(views.into_iter().map(|view| link(view.name, view.query)).collect())
}

/// The filter in a text. The API may have saved any.
fn filter(query: &str) -> FilterQuery {
    match FilterQuery::read(Some(query)) {
        Ok(query) | Err(Tidied::Is(query)) => query.without(&["cursor"]),
        Err(Tidied::Refused(_)) => FilterQuery::default(),
    }
}

/// `POST /events/views`: saves the filter under a name.
pub(in crate::web::console) async fn save(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    form: Form,
) -> Result<Redirect, Problem> {
    let name = form.required("name", "name of the view")?;
    let filter = filter(form.text("query").unwrap_or_default()).filter_and(&[]);
    views::save(&app, PAGE.to_owned(), name.to_owned(), filter.text()).await?;
    Ok(Redirect::to(&filter.at(PATH)))
}

/// `POST /events/views/delete`: deletes a view.
pub(in crate::web::console) async fn delete(
    _: Operator<Change>,
    State(app): State<Arc<App>>,
    form: Form,
) -> Result<Redirect, Problem> {
    let name = form.required("name", "name of the view")?;
    views::delete(&app, PAGE.to_owned(), name.to_owned()).await?;
    Ok(Redirect::to(&filter(form.text("query").unwrap_or_default()).at(PATH)))
}
