//! `/sources`: every source, with its keys and how much it sends.

use std::collections::BTreeMap;
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
use crate::api::cost::Summary;
use crate::api::{CountsJson, KeyJson, Params, read_keys};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::SourceTotals;

#[derive(Template)]
#[template(path = "sources/list.html")]
struct Sources {
    frame: Option<Frame>,
    is_admin: bool,
    /// What waits for the first event of all, with examples, if there is none.
    first: Option<Markup>,
    snippets: Option<Markup>,
    by_name: BTreeMap<String, Source>,
    tokens: Markup,
}

/// What is known of a source.
#[derive(Debug, Default)]
struct Source {
    keys: usize,
    disabled: usize,
    minutes: Option<CountsJson>,
    totals: Option<SourceTotals>,
}

/// `GET /sources`.
pub(in super::super) async fn show(
    viewer: Viewer<Summary>,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Page, Problem> {
    let changed = params.text("changed");
    params.finish(&[])?;
    let keys = read_keys(&app).await?;
    let mut sources = BTreeMap::<String, Source>::new();
    for key in keys.iter().filter(|key| matches!(key.kind, "write" | "secret")) {
        let source = sources.entry(key.source.clone()).or_default();
        source.keys += 1;
        source.disabled += usize::from(key.disabled.is_some());
    }
    for traffic in courses::last_minutes(&app, None).await?.sources {
        sources.entry(traffic.source).or_default().minutes = Some(traffic.counts);
    }
    for totals in app.storage.reader.sources().await? {
        let source = totals.source.clone();
        sources.entry(source).or_default().totals = Some(totals);
    }
    let (mut first, mut examples) = (None, None);
    if let Some(waiting) = FirstEvent::waiting(&app, None).await? {
        first = Some(waiting.markup()?);
        examples = snippets::render(&server_url::of(&app, &headers), &keys)?;
    }
    let mut frame = viewer.frame("/sources");
    let is_admin = frame.as_ref().is_some_and(|it| it.is_admin);
    if let Some(frame) = frame.as_mut() {
        // Only an admin token may read the list of keys.
        frame.json = is_admin.then(|| "/sources?format=json".into());
    }
    let tokens: Vec<&KeyJson> =
        keys.iter().filter(|key| matches!(key.kind, "admin" | "viewer")).collect();
    let shown = Shown {
        changed: changed.as_deref(),
        may_change: is_admin,
        own: &viewer.held.key.id,
        now_ms: app.clock.now_ms(),
    };
    let tokens = key_table::render(&tokens, shown)?;
    Page::render(&Sources { frame, is_admin, first, snippets: examples, by_name: sources, tokens })
}

impl Source {
    fn chart(&self) -> Markup {
        let minutes = self.minutes.as_ref().map(|it| it.stored.as_slice()).unwrap_or_default();
        chart::bars(minutes, "Events stored in each of the last 60 minutes")
    }

    fn rate(&self) -> String {
        self.minutes.as_ref().map_or_else(|| "0.00".into(), courses::per_second)
    }

    fn number(&self, read: fn(&SourceTotals) -> u64) -> String {
        self.totals.as_ref().map_or_else(|| "–".into(), |totals| shown::count(read(totals)))
    }

    fn made(&self) -> String {
        self.number(|it| it.made)
    }

    fn received(&self) -> String {
        self.number(|it| it.received)
    }

    fn missing(&self) -> String {
        self.number(|it| it.missing)
    }
}
