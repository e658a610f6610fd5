//! `/producers`: a summary of each source, and the list of producers.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::strip;
use super::verdict::{SILENT_DAYS, VerdictWords, words};
use crate::api::cost::List;
use crate::api::{Params, ProducerList, RestoredGap, restored_gaps, write_producer_cursor};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{Completeness, ProducerRow, SourceTotals};
use crate::web::console::caller::Viewer;
use crate::web::console::frame::Frame;
use crate::web::console::link;
use crate::web::console::page::Page;
use crate::web::console::shown::{self, Markup};

/// The cells of a strip in a list.
const CELLS: u64 = 40;

#[derive(Template)]
#[template(path = "producers/list.html")]
struct ListPage {
    frame: Option<Frame>,
    sums: SourceTotals,
    lost: u64,
    in_flight: String,
    arrived: String,
    is_admin: bool,
    sources: Vec<SourceLine>,
    /// What waits to be processed.
    waiting: Option<String>,
    /// For how long the clock is ahead of what is believed, if it is in doubt.
    doubt: Option<String>,
    source: String,
    producer: String,
    verdicts: Vec<Choice>,
    lines: Vec<Line>,
    legend: Markup,
    has_filter: bool,
    is_first: bool,
    first: String,
    next: Option<String>,
    proof: String,
}

/// A verdict to filter by.
struct Choice {
    value: &'static str,
    name: &'static str,
    is_chosen: bool,
}

/// One source.
struct SourceLine {
    totals: SourceTotals,
    link: String,
    proof: String,
    forget: String,
    has_unarrived: bool,
}

/// One producer in a source.
struct Line {
    row: ProducerRow,
    link: String,
    verdict: VerdictWords,
    strip: Markup,
    heard: Markup,
}

impl Line {
    fn new(row: ProducerRow, restored: &[RestoredGap], now_ms: i64) -> Self {
        Self {
            link: link::to(
                &format!("/producers/{}", row.producer),
                [("source", Some(&*row.source))],
            ),
            verdict: VerdictWords::of(&row, restored),
            strip: strip::draw(&row, CELLS, false),
            heard: shown::ago(row.last_heard_ms, now_ms),
            row,
        }
    }
}

/// `GET /producers`.
pub(in crate::web::console) async fn list(
    viewer: Viewer<List>,
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Page, Problem> {
    let mut params = params.without_empty();
    let limit = params.limit()?;
    let list = ProducerList::read(&app, &mut params, limit)?;
    params.finish(crate::api::PRODUCERS.query)?;
    let (verdict, query) = (list.verdict(), &list.query);
    let backlog = app.storage.payload_queue.backlog().await?;
    let totals = app.storage.reader.totals(query.now_ms).await?;
    let sources = app.storage.reader.sources().await?;
    let page = list.page(&*app.storage.reader).await?;
    let producer = query.producer.map(|it| it.to_string());
    let (source, next) = (query.source.as_deref(), page.next.as_ref().map(write_producer_cursor));
    let address = |path: &str, cursor: Option<&str>| {
        let filter = [("verdict", verdict), ("source", source), ("producer", producer.as_deref())];
        link::to(path, filter.into_iter().chain([("cursor", cursor)]))
    };
    let sums = sources.iter().fold(SourceTotals::default(), |sums, it| SourceTotals {
        source: String::new(),
        producers: sums.producers + it.producers,
        made: sums.made + it.made,
        received: sums.received + it.received,
        declared: sums.declared + it.declared,
        missing: sums.missing + it.missing,
    });
    let known = app.clock_guard.known();
    let now_ms = app.clock.now_ms();
    let mut lines = Vec::with_capacity(page.producers.len());
    for row in page.producers {
        let restored = restored_gaps(&app, &row).await?;
        lines.push(Line::new(row, &restored, now_ms));
    }
    let all = [
        Completeness::InFlight,
        Completeness::Declared,
        Completeness::Lost,
        Completeness::Complete,
    ];
    let gone = totals.lost.min(sums.missing);
    let frame = viewer.frame("/producers");
    let days = |ms: u64| shown::counted(ms / 86_400_000, "day", "days");
    Page::render(&ListPage {
        lost: gone,
        in_flight: shown::count(sums.missing - gone),
        arrived: shown::percent(sums.received, sums.made),
        is_admin: frame.as_ref().is_some_and(|frame| frame.is_admin),
        sums,
        waiting: (backlog.payloads > 0).then(|| waiting(backlog.payloads, backlog.events)),
        doubt: known.and_then(|it| it.doubt).map(|it| days(it.ahead_ms.unsigned_abs())),
        verdicts: [("", "All"), ("incomplete", "All but complete")]
            .into_iter()
            .chain(all.map(|it| (it.name(), words(it).1)))
            .map(|(value, name)| Choice {
                value,
                name,
                is_chosen: value == verdict.unwrap_or_default(),
            })
            .collect(),
        has_filter: verdict.is_some() || source.is_some() || producer.is_some(),
        is_first: query.after.is_none(),
        first: address("/producers", None),
        next: next.as_deref().map(|next| address("/producers", Some(next))),
        proof: address("/api/producers/proof", None),
        source: source.unwrap_or_default().to_owned(),
        sources: sources.into_iter().map(source_line).collect(),
        legend: strip::legend(),
        lines,
        producer: producer.clone().unwrap_or_default(),
        frame,
    })
}

fn waiting(payloads: u64, events: u64) -> String {
    format!(
        "{} to be processed, in {}.",
        shown::counted(events, "event waits", "events wait"),
        shown::counted(payloads, "payload", "payloads")
    )
}

fn source_line(totals: SourceTotals) -> SourceLine {
    let of = |path: &str| link::to(path, [("source", Some(&*totals.source))]);
    SourceLine {
        link: of("/producers"),
        proof: of("/api/producers/proof"),
        forget: of("/producers/forget"),
        has_unarrived: totals.missing > 0 || totals.declared > 0,
        totals,
    }
}
