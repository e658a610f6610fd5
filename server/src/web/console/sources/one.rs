//! `/sources/source`: one source, with its keys, how to send to it, and its names of events.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use http::HeaderMap;

use super::super::caller::Viewer;
use super::super::first_event::FirstEvent;
use super::super::frame::Frame;
use super::super::page::Page;
use super::super::shown::{self, Markup};
use super::super::{chart, link, server_url, snippets};
use super::courses;
use super::key_table::{self, Shown};
use crate::api::cost::List;
use crate::api::{
    CATALOGUE, CatalogueJson, CountsJson, KeyJson, NameJson, Params, read_catalogue_cursor,
    read_keys, read_names,
};
use crate::app::App;
use crate::http::problem::{Problem, quoted};
use crate::store::{CatalogueQuery, SourceTotals};

#[derive(Template)]
#[template(path = "sources/one.html")]
struct OneSource {
    frame: Option<Frame>,
    source: String,
    prefix: String,
    name: Option<String>,
    limit: u32,
    /// Whether the names are only a part of all.
    is_part: bool,
    /// What waits for the first event, if there is none.
    first: Option<Markup>,
    minutes: CountsJson,
    totals: Option<SourceTotals>,
    names: CatalogueJson,
    keys: Markup,
    snippets: Option<Markup>,
    now_ms: i64,
}

/// `GET /sources/source?source=…&prefix=…&cursor=…`.
pub(in super::super) async fn show(
    viewer: Viewer<List>,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Page, Problem> {
    let source = params.text("source").unwrap_or_default();
    let prefix = params.text("prefix").unwrap_or_default();
    let name = params.text("name");
    let after = params.value(
        "cursor",
        "the `next` of a page with the same filters",
        read_catalogue_cursor,
    )?;
    let (limit, changed) = (params.limit()?, params.text("changed"));
    params.finish(CATALOGUE.query)?;
    let mut keys = read_keys(&app).await?;
    keys.retain(|key| matches!(key.kind, "write" | "secret") && key.source == source);
    let first = FirstEvent::waiting(&app, Some(source.clone())).await?;
    let totals = app.storage.reader.sources().await?.into_iter().find(|it| it.source == source);
    if keys.is_empty() && first.is_some() && totals.is_none() {
        return Err(Problem::not_found(format!(
            "no key and no event has the source {}: see /sources for all sources",
            quoted(&source)
        )));
    }
    let query = CatalogueQuery {
        source: Some(source.clone()),
        name: name.clone(),
        prefix: Some(prefix.clone()).filter(|it| !it.is_empty()),
        after,
        limit,
    };
    let is_part = query.after.is_some() || query.prefix.is_some() || name.is_some();
    let names = read_names(&app, query).await?;
    let now_ms = app.clock.now_ms();
    let mut frame = viewer.frame("/sources");
    let is_admin = frame.as_ref().is_some_and(|it| it.is_admin);
    if let Some(frame) = frame.as_mut().filter(|_| changed.is_some()) {
        let pairs = [("source", source.as_str()), ("format", "json")];
        frame.json = Some(link::with("/sources/source", &pairs));
    }
    let shown = Shown {
        changed: changed.as_deref(),
        may_change: is_admin,
        own: &viewer.held.key.id,
        now_ms,
    };
    // A viewer sees what every page that sends events shows anyway.
    let listed: Vec<&KeyJson> = keys.iter().filter(|key| is_admin || key.kind == "write").collect();
    Page::render(&OneSource {
        frame,
        prefix,
        name,
        limit,
        is_part,
        first: first.as_ref().map(FirstEvent::markup).transpose()?,
        minutes: courses::last_minutes(&app, Some(source.clone())).await?.all,
        totals,
        names,
        keys: key_table::render(&listed, shown)?,
        snippets: snippets::render(&server_url::of(&app, &headers), &keys)?,
        now_ms,
        source,
    })
}

impl OneSource {
    fn link(&self, path: &str) -> String {
        link::with(path, &[("source", &self.source)])
    }

    fn mine(&self) -> String {
        link::with("/live", &[("source", &self.source), ("mine", "true")])
    }

    fn of_name(&self, path: &str, name: &NameJson) -> String {
        link::with(path, &[("source", &self.source), ("name", &name.name)])
    }

    /// The next page of names.
    fn next(&self, next: &str) -> String {
        let limit = self.limit.to_string();
        let mut pairs = vec![("source", self.source.as_str()), ("limit", &limit)];
        pairs.extend(
            Some(self.prefix.as_str()).filter(|it| !it.is_empty()).map(|it| ("prefix", it)),
        );
        pairs.extend(self.name.as_deref().map(|name| ("name", name)));
        pairs.push(("cursor", next));
        link::with("/sources/source", &pairs)
    }

    fn chart(&self) -> Markup {
        chart::bars(&self.minutes.stored, "Events stored in each of the last 60 minutes")
    }

    fn rate(&self) -> String {
        courses::per_second(&self.minutes)
    }

    fn hour(&self) -> u64 {
        self.minutes.stored.iter().sum()
    }

    fn hours(&self, name: &NameJson) -> Markup {
        let hours = courses::last_hours(&name.received, self.now_ms);
        chart::bars(&hours, "Events received in each of the last 48 hours")
    }
}
