//! What waits for the first event, of a source or of all. A page shows it, and it fetches itself
//! until an event is there.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::caller::Viewer;
use super::link;
use super::page::Page;
use super::shown::{self, Markup};
use crate::api::cost::List;
use crate::api::{ErrorJson, Params, read_errors, read_names};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{CatalogueQuery, ErrorQuery, EventFilter, EventQuery, EventRow};

/// For how long a refused request is shown, in milliseconds.
const REFUSED_SHOWN_MS: i64 = 10 * 60_000;
/// Among how many groups of errors a refused request is looked for.
const GROUPS: u32 = 50;

#[derive(Template)]
#[template(path = "first_event.html")]
pub(super) struct FirstEvent {
    source: Option<String>,
    /// Whether any event has been stored, even if it was deleted since.
    is_there: bool,
    /// The latest event.
    event: Option<EventRow>,
    /// Why the latest refused request or invalid event was not stored, while there is no event.
    refused: Option<ErrorJson>,
    now_ms: i64,
}

impl FirstEvent {
    /// What waits for the first event, or shows the latest one if there are some.
    pub(super) async fn read(app: &App, source: Option<String>) -> Result<Self, Problem> {
        match Self::waiting(app, source.clone()).await? {
            Some(waiting) => Ok(waiting),
            None => Self::arrived(app, source).await,
        }
    }

    /// What waits for the first event. `None` if there is one.
    pub(super) async fn waiting(
        app: &App,
        source: Option<String>,
    ) -> Result<Option<Self>, Problem> {
        let now_ms = app.clock.now_ms();
        let names = CatalogueQuery {
            source: source.clone(),
            name: None,
            prefix: None,
            after: None,
            limit: 1,
        };
        if !read_names(app, names).await?.names.is_empty() {
            return Ok(None);
        }
        let errors =
            ErrorQuery { stage: None, source: None, sink: None, after: None, limit: GROUPS };
        let concerns = |error: &ErrorJson| {
            // A request with an unknown key is of no source.
            let is_of_source = source.is_none() || error.source.is_none() || error.source == source;
            is_of_source
                && matches!(error.stage, "intake" | "event")
                && error.last_seen > now_ms.saturating_sub(REFUSED_SHOWN_MS)
        };
        let refused = read_errors(app, errors).await?.groups.into_iter().find(concerns);
        Ok(Some(Self { source, is_there: false, event: None, refused, now_ms }))
    }

    async fn arrived(app: &App, source: Option<String>) -> Result<Self, Problem> {
        let now_ms = app.clock.now_ms();
        let filter = EventFilter { source: source.clone(), ..EventFilter::default() };
        let query = EventQuery { filter, after: None, limit: 1 };
        let event = app.storage.reader.events(query).await?.events.pop();
        Ok(Self { source, is_there: true, event, refused: None, now_ms })
    }

    /// Whether no event has been stored.
    fn waits(&self) -> bool {
        !self.is_there
    }

    /// As a part of a page.
    pub(super) fn markup(&self) -> Result<Markup, Problem> {
        self.render().map(Markup).map_err(|error| Problem::internal(&error))
    }

    /// What is shown, so that nothing is sent while it stays the same.
    fn shown(&self) -> String {
        self.refused.as_ref().map_or_else(|| "0".into(), |it| it.last_seen.to_string())
    }

    fn address(&self) -> String {
        let shown = self.shown();
        let mut pairs = vec![("shown", shown.as_str())];
        pairs.extend(self.source.as_deref().map(|source| ("source", source)));
        link::with("/first-event", &pairs)
    }

    /// A page with the events of the source.
    fn link(&self, path: &str) -> String {
        match &self.source {
            Some(source) => link::with(path, &[("source", source)]),
            None => path.to_owned(),
        }
    }

    fn mine(&self) -> String {
        let source = self.source.as_deref().map(|source| ("source", source));
        let pairs: Vec<_> = source.into_iter().chain([("mine", "true")]).collect();
        link::with("/live", &pairs)
    }
}

/// `GET /first-event?source=…&shown=…`.
pub(super) async fn show(
    _: Viewer<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Response, Problem> {
    let (source, shown) = (params.text("source"), params.text("shown"));
    params.finish(&[])?;
    let first = FirstEvent::read(&app, source).await?;
    if first.waits() && shown.is_some_and(|shown| shown == first.shown()) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Page::render(&first)?.into_response())
}
