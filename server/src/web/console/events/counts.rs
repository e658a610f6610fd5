//! `GET /events/counts`: what is kept counted, and counts over events that someone asks for.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::api::cost::Count;
use crate::api::params::{SOURCE, rfc3339_ms};
use crate::api::{TrafficJson, aggregate, read_names, read_traffic};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{Aggregate, CanonicalJson, CatalogueQuery, Resolution, TrafficQuery};
use crate::web::console::caller::Viewer;
use crate::web::console::chart;
use crate::web::console::filter_form::FilterForm;
use crate::web::console::filter_query::FilterQuery;
use crate::web::console::frame::Frame;
use crate::web::console::page::Page;
use crate::web::console::shown::{self, Markup};

const PATH: &str = "/events/counts";
/// Names that the page shows.
const NAMES_MAX: u32 = 100;
/// Hours that charts show.
const HOURS: i64 = 48;
const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;

#[derive(Template)]
#[template(path = "events/counts.html")]
struct CountsPage {
    frame: Option<Frame>,
    filter: FilterForm,
    now_ms: i64,
    /// What was asked for.
    counted: Option<Counted>,
    /// What is known without reading events, unless the filter needs them.
    kept: Option<Kept>,
    error: Option<String>,
}

/// Counts that someone asked for.
struct Counted {
    by: String,
    rows: Vec<CountRow>,
    /// Events under all other keys.
    other: u64,
    total: u64,
    /// The count covers only events that were received since then.
    from_ms: Option<i64>,
    /// The course over time, if it is counted by time.
    course: Option<Markup>,
}

struct CountRow {
    key: Markup,
    /// The address of these events.
    events: Option<String>,
    count: u64,
}

/// Counts that are kept.
struct Kept {
    course: Markup,
    hours: u64,
    names: Vec<NameRow>,
    has_more: bool,
}

struct NameRow {
    name: Option<String>,
    source: String,
    events: String,
    count: i64,
    course: Markup,
    last: Markup,
}

impl CountsPage {
    fn list(&self) -> String {
        self.filter.query.filter_and(&[]).at("/events")
    }

    /// The choice in the form.
    fn by(&self) -> &str {
        self.filter.query.value("by").split('.').next().unwrap_or_default()
    }

    fn path(&self) -> &str {
        self.filter.query.value("by").strip_prefix("prop.").unwrap_or_default()
    }

    fn is_by(&self, by: &str) -> bool {
        self.by() == by
    }

    /// The parts of the filter that the form does not ask for.
    fn hidden(&self) -> Vec<(String, String)> {
        let query = self.filter.query.filter_and(&[]).without(&["from", "to", "state", "mine"]);
        form_urlencoded::parse(query.text().as_bytes()).into_owned().collect()
    }

    /// When the count begins and ends, as the form shows it.
    fn from(&self) -> String {
        self.time("from", self.now_ms - DAY_MS)
    }

    fn to(&self) -> String {
        self.time("to", self.now_ms + 60_000)
    }

    fn time(&self, name: &str, usual_ms: i64) -> String {
        match self.filter.query.value(name) {
            "" => jiff::Timestamp::from_millisecond(usual_ms).map_or_else(
                |_| usual_ms.to_string(),
                |it| it.strftime("%Y-%m-%dT%H:%MZ").to_string(),
            ),
            text => text.to_owned(),
        }
    }
}

/// `GET /events/counts`.
pub(in crate::web::console) async fn show(
    viewer: Viewer<Count>,
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = match FilterQuery::read(query.as_deref()) {
        Ok(query) => query,
        Err(tidied) => return Ok(tidied.redirect(PATH)?.into_response()),
    };
    let (mut counted, mut kept, mut error) = (None, None, None);
    if query.has("by") {
        match count(&app, &query).await {
            Ok(counts) => counted = Some(counts),
            Err(problem) if problem.status == StatusCode::BAD_REQUEST => {
                error = Some(problem.detail.into_owned());
            }
            Err(problem) => return Err(problem),
        }
    } else if !query.selects_beside(&["source"]) {
        let mut params = query.params()?;
        params.text("source");
        params.finish(&[&[SOURCE]])?;
        kept = Some(Kept::read(&app, &query).await?);
    }
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut frame = viewer.frame("/events");
    if kept.is_some() {
        // What is kept has addresses of its own.
        let twin = query.filter_and(&[]).at("/api/catalogue");
        if let Some(frame) = &mut frame {
            frame.json = Some(twin);
        }
    }
    let filter = FilterForm::of_list(&app, PATH, query).await?;
    let now_ms = app.clock.now_ms();
    let page = CountsPage { frame, filter, now_ms, counted, kept, error };
    Ok((status, Page::render(&page)?).into_response())
}

async fn count(app: &App, query: &FilterQuery) -> Result<Counted, Problem> {
    let (Aggregate { mut rows, other, from_ms }, _) =
        aggregate::count(app, query.params()?).await?;
    let by = query.value("by").to_owned();
    let total = rows.iter().fold(other, |sum, (_, count)| sum.saturating_add(*count));
    let course = course(&by, &mut rows).filter(|_| other == 0);
    let base = query.filter_and(&[]);
    let row = |(key, count): &(Option<CanonicalJson>, u64)| {
        let text = key.as_ref().map(CanonicalJson::as_str);
        // Names and types are texts, and a property keeps its type.
        let plain = text.and_then(|text| serde_json::from_str::<String>(text).ok());
        let events = match (by.as_str(), &plain, text) {
            ("name" | "type", Some(plain), _) => Some(base.with(&by, plain)),
            ("day" | "hour", Some(begin), _) => {
                next(&by, begin).map(|end| base.with("from", begin).with("to", &end))
            }
            (_, _, Some(text)) if by.starts_with("prop.") => Some(base.with(&by, text)),
            _ => None,
        };
        let key = match (text, plain) {
            (None, _) => Markup("<span class=\"quiet\">none</span>".to_owned()),
            (Some(_), Some(plain)) => shown::name(&plain),
            (Some(text), None) => Markup(format!("<code>{}</code>", shown::name(text))),
        };
        CountRow { key, events: events.map(|it| it.at("/events")), count: *count }
    };
    let rows = rows.iter().map(row).collect();
    Ok(Counted { by, rows, other, total, from_ms, course })
}

/// When a period begins, in milliseconds since 1970, as if days were those of UTC.
fn begin_ms(key: &str) -> Option<i64> {
    rfc3339_ms(key).or_else(|| rfc3339_ms(&format!("{key}T00:00:00Z")))
}

/// When the period after this one begins, as filters have it.
fn next(by: &str, begin: &str) -> Option<String> {
    match by {
        "day" => Some(begin.parse::<jiff::civil::Date>().ok()?.tomorrow().ok()?.to_string()),
        _ => Some(begin_ms(begin)?.saturating_add(HOUR_MS).to_string()),
    }
}

/// Sorts counts by time, if they are by time, and draws them.
fn course(by: &str, rows: &mut [(Option<CanonicalJson>, u64)]) -> Option<Markup> {
    const PERIODS_MAX: usize = 24 * 100;
    let step_ms = match by {
        "hour" => HOUR_MS,
        "day" => DAY_MS,
        _ => return None,
    };
    let ms = |key: &Option<CanonicalJson>| {
        let text = serde_json::from_str::<String>(key.as_ref()?.as_str()).ok()?;
        begin_ms(&text)
    };
    rows.sort_by_key(|(key, _)| ms(key));
    let (first_ms, last_ms) = (ms(&rows.first()?.0)?, ms(&rows.last()?.0)?);
    let at = |time_ms: i64| usize::try_from((time_ms - first_ms) / step_ms).unwrap_or(usize::MAX);
    let mut counts = vec![0; at(last_ms).saturating_add(1).min(PERIODS_MAX)];
    for (key, count) in rows.iter() {
        if let Some(period) = ms(key).and_then(|time_ms| counts.get_mut(at(time_ms))) {
            *period += count;
        }
    }
    Some(chart::bars(&counts, &format!("Events by {by}")))
}

impl Kept {
    async fn read(app: &App, query: &FilterQuery) -> Result<Self, Problem> {
        let source = Some(query.value("source").to_owned()).filter(|source| !source.is_empty());
        let step_ms = Resolution::Hour.period_ms();
        let now_ms = app.clock.now_ms();
        let to_ms = Resolution::Hour.begin_ms(now_ms).saturating_add(step_ms);
        let from_ms = to_ms.saturating_sub(step_ms.saturating_mul(HOURS));
        let traffic =
            TrafficQuery { source: source.clone(), resolution: Resolution::Hour, from_ms, to_ms };
        let TrafficJson { all, .. } = read_traffic(app, traffic).await?;
        let names =
            CatalogueQuery { source, name: None, prefix: None, after: None, limit: NAMES_MAX };
        let found = read_names(app, names).await?;
        let mut names: Vec<NameRow> = Vec::new();
        for name in found.names {
            let mut hours = vec![0_u64; usize::try_from(HOURS).unwrap_or(0)];
            for bucket in &name.received.hours {
                let at = usize::try_from((bucket.begin - from_ms) / step_ms).unwrap_or(usize::MAX);
                if let Some(hour) = hours.get_mut(at) {
                    *hour += u64::try_from(bucket.count).unwrap_or(0);
                }
            }
            let base = query.filter_and(&[]).with("source", &name.source);
            names.push(NameRow {
                events: base.with("name", &name.name).at("/events"),
                name: (!name.overflow).then_some(name.name),
                source: name.source,
                count: name.count,
                course: chart::bars(&hours, "By hour, in the last 48 hours"),
                last: shown::ago(name.last_seen, now_ms),
            });
        }
        names.sort_by_key(|it| std::cmp::Reverse(it.count));
        Ok(Self {
            course: chart::bars(&all.stored, "Events stored by hour, in the last 48 hours"),
            hours: all.stored.iter().fold(0_u64, |sum, count| sum.saturating_add(*count)),
            has_more: found.next.is_some(),
            names,
        })
    }
}
