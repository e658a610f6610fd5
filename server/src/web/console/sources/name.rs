//! `/sources/name`: a name of events of a source, with its properties.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::super::caller::Viewer;
use super::super::frame::Frame;
use super::super::page::Page;
use super::super::shown::{self, Markup};
use super::super::{chart, link};
use super::courses;
use crate::api::cost::List;
use crate::api::{PROPERTIES, Params, PropertiesJson, PropertyJson, read_properties};
use crate::app::App;
use crate::http::problem::{Problem, quoted};

#[derive(Template)]
#[template(path = "sources/name.html")]
struct NamePage {
    frame: Option<Frame>,
    found: PropertiesJson,
    now_ms: i64,
}

/// `GET /sources/name?source=…&name=…`.
pub(in super::super) async fn show(
    viewer: Viewer<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Page, Problem> {
    let source = params.text("source").unwrap_or_default();
    let name = params.text("name").unwrap_or_default();
    params.finish(PROPERTIES.query)?;
    let missing = format!(
        "source {} has no event with the name {}: see /sources for the names there are",
        quoted(&source),
        quoted(&name)
    );
    let found = read_properties(&app, source, name).await?;
    let found = found.ok_or_else(|| Problem::not_found(missing))?;
    let (frame, now_ms) = (viewer.frame("/sources"), app.clock.now_ms());
    Page::render(&NamePage { frame, found, now_ms })
}

impl NamePage {
    fn back(&self) -> String {
        link::with("/sources/source", &[("source", &self.found.name.source)])
    }

    fn link(&self, path: &str) -> String {
        let name = &self.found.name;
        link::with(path, &[("source", &name.source), ("name", &name.name)])
    }

    fn hours(&self) -> Markup {
        let hours = courses::last_hours(&self.found.name.received, self.now_ms);
        chart::bars(&hours, "Events received in each of the last 48 hours")
    }

    /// The types of a property, with the share of each if there are several.
    #[allow(clippy::unused_self, reason = "templates call methods")]
    fn types(&self, property: &PropertyJson) -> String {
        let several = property.types.len() > 1;
        let types = property.types.iter().map(|it| {
            if several {
                format!("{} ({})", it.kind, shown::percent(it.count, property.count))
            } else {
                it.kind.to_owned()
            }
        });
        types.collect::<Vec<_>>().join(", ")
    }
}
