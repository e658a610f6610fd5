//! An event as a row of a table, which lists and the live view share.

use askama::Template;
use lamplight_wire::Producer;

use crate::http::problem::Problem;
use crate::store::{EventRow, Outcome, RefusedEvent};
use crate::web::console::filter_query::FilterQuery;
use crate::web::console::shown::{self, Markup};

/// Characters of the properties that a row shows.
const LOOK_CHARS_MAX: usize = 120;
/// Digits of a producer's id that a row shows.
const PRODUCER_DIGITS: usize = 6;

#[derive(Template)]
#[template(path = "events/row.html")]
struct Row<'a> {
    id: String,
    received_ms: i64,
    now_ms: i64,
    name: Option<&'a str>,
    kind: Option<&'a str>,
    source: &'a str,
    user: Option<&'a str>,
    anonymous_id: Option<&'a str>,
    number: Option<(Producer, u64)>,
    look: Option<Markup>,
    state: &'static str,
    reason: Option<&'a str>,
    links: &'a RowLinks,
}

/// Where the cells of a row lead: to the same list with one more filter.
#[derive(Debug, Clone)]
pub(in crate::web::console) struct RowLinks {
    path: &'static str,
    query: FilterQuery,
}

impl RowLinks {
    pub(in crate::web::console) fn new(path: &'static str, query: &FilterQuery) -> Self {
        Self { path, query: query.filter_and(&[]) }
    }

    fn to(&self, name: &str, value: &str) -> String {
        self.query.with(name, value).at(self.path)
    }
}

impl Row<'_> {
    fn received(&self) -> Markup {
        shown::ago(self.received_ms, self.now_ms)
    }

    /// The end of a producer's id, which tells producers apart at a glance.
    fn producer_end(&self) -> String {
        let text = self.number.map(|(producer, _)| producer.to_string()).unwrap_or_default();
        text[text.len().saturating_sub(PRODUCER_DIGITS)..].to_owned()
    }

    fn state_class(&self) -> &'static str {
        match self.state {
            "stored" => "good",
            "invalid" => "bad",
            _ => "info",
        }
    }

    fn rendered(&self) -> Result<Markup, Problem> {
        self.render().map(Markup).map_err(|error| Problem::internal(&error))
    }
}

/// The row of a stored event.
pub(in crate::web::console) fn stored(
    event: &EventRow,
    links: &RowLinks,
    now_ms: i64,
) -> Result<Markup, Problem> {
    let row = Row {
        id: event.id.to_string(),
        received_ms: event.received_ms,
        now_ms,
        name: Some(&event.name),
        kind: Some(&event.kind),
        source: &event.source,
        user: event.user_id.as_deref(),
        anonymous_id: event.anonymous_id.as_deref(),
        number: event.number,
        look: event.properties_json.as_deref().filter(|json| *json != "{}").map(look),
        state: Outcome::Stored.name(),
        reason: None,
        links,
    };
    row.rendered()
}

/// The row of an arrival that is not stored.
pub(super) fn refused(
    event: &RefusedEvent,
    links: &RowLinks,
    now_ms: i64,
) -> Result<Markup, Problem> {
    let content = event.content.as_ref();
    let text = event.detail.as_deref().or_else(|| content.and_then(|it| it.text.as_deref()));
    let row = Row {
        id: event.id.to_string(),
        received_ms: event.received_ms,
        now_ms,
        name: content.and_then(|it| it.name.as_deref()).filter(|name| !name.is_empty()),
        kind: content.and_then(|it| it.kind.as_deref()),
        source: &event.source,
        user: content.and_then(|it| it.user_id.as_deref()),
        anonymous_id: content.and_then(|it| it.anonymous_id.as_deref()),
        number: event.number,
        look: text.map(look),
        state: event.outcome.name(),
        reason: event.reason.as_deref(),
        links,
    };
    row.rendered()
}

/// The beginning of a text, on one line.
fn look(text: &str) -> Markup {
    let beginning: String = text.chars().take(LOOK_CHARS_MAX + 1).collect();
    shown::foreign(&beginning.replace(['\n', '\r', '\t'], " "), LOOK_CHARS_MAX)
}
