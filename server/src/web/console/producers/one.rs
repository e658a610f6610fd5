//! `/producers/{id}`: every number of one producer that did not arrive.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use lamplight_wire::{Producer, Ranges};

use super::strip;
use super::verdict::{VerdictWords, cause, restore_words, words};
use crate::api::cost::List;
use crate::api::{Params, RestoredGap, read_after, restored_gaps};
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::{Problem, quoted};
use crate::store::ledger_strip::StripCell;
use crate::store::{Completeness, ProducerQuery, ProducerRow};
use crate::web::console::caller::Viewer;
use crate::web::console::frame::Frame;
use crate::web::console::link;
use crate::web::console::page::Page;
use crate::web::console::shown::{self, Markup};

/// The ranges of one page, and the cells of the strip.
const RANGES: usize = 100;
const CELLS: u64 = 120;
/// The most ledgers of one page. Each source has at most one.
const LEDGERS: u32 = 500;

#[derive(Template)]
#[template(path = "producers/one.html")]
struct ProducerPage {
    frame: Option<Frame>,
    producer: String,
    ledgers: Vec<LedgerPart>,
    legend: Markup,
    proof: String,
}

/// The ledger of one source.
struct LedgerPart {
    row: ProducerRow,
    verdict: VerdictWords,
    strip: Markup,
    arrived: String,
    /// How many numbers a cell stands for.
    cell_numbers: u64,
    heard: (Markup, Markup, Markup),
    events: String,
    ranges: Vec<RangeLine>,
    is_first: bool,
    first: String,
    next: Option<String>,
}

/// Consecutive numbers that did not arrive.
struct RangeLine {
    first: u64,
    last: u64,
    class: &'static str,
    state: &'static str,
    cause: Markup,
    /// The number before, if it arrived, and its address.
    before: Option<(String, String)>,
    after: Option<(String, String)>,
}

impl RangeLine {
    fn numbers(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// `GET /producers/{id}`.
pub(in crate::web::console) async fn one(
    viewer: Viewer<List>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    params: Params,
) -> Result<Page, Problem> {
    let mut params = params.without_empty();
    let (source, after_number) = (params.text("source"), read_after(&mut params)?);
    params.finish(crate::api::PRODUCERS.query)?;
    let unknown = || {
        Problem::not_found(format!(
            "no numbered event of a producer {} has arrived: check the id, or look in the queue \
             whether payloads are still waiting",
            quoted(&id)
        ))
    };
    let producer = Producer::parse(&id).ok_or_else(unknown)?;
    let query = ProducerQuery {
        verdict: None,
        source: source.clone(),
        producer: Some(producer),
        after_number,
        after: None,
        limit: LEDGERS,
        now_ms: app.known_now_ms(),
    };
    let rows = app.storage.reader.producers(query).await?.producers;
    if rows.is_empty() {
        return Err(unknown());
    }
    let now_ms = app.clock.now_ms();
    let id = producer.to_string();
    let mut ledgers = Vec::with_capacity(rows.len());
    for row in rows {
        let restored = restored_gaps(&app, &row).await?;
        ledgers.push(LedgerPart::new(row, &restored, after_number, now_ms));
    }
    Page::render(&ProducerPage {
        frame: viewer.frame("/producers"),
        proof: link::to(
            "/api/producers/proof",
            [("producer", Some(&*id)), ("source", source.as_deref())],
        ),
        producer: id,
        ledgers,
        legend: strip::legend(),
    })
}

impl LedgerPart {
    fn new(row: ProducerRow, restored: &[RestoredGap], after: u64, now_ms: i64) -> Self {
        let page = row.ledger.unarrived(after, RANGES);
        let mut ranges = lines(&row, &page.holes, None, restored);
        for (reason, declared) in &page.declared {
            ranges.extend(lines(&row, declared, Some(reason), &[]));
        }
        ranges.sort_by_key(|range| range.first);
        let id = row.producer.to_string();
        let own = |after: Option<String>| {
            let path = format!("/producers/{id}");
            link::to(&path, [("source", Some(&*row.source)), ("after", after.as_deref())])
        };
        Self {
            verdict: VerdictWords::of(&row, restored),
            strip: strip::draw(&row, CELLS, true),
            arrived: shown::percent(row.received, row.made),
            cell_numbers: row.ledger.strip(CELLS).first().map_or(1, StripCell::numbers),
            heard: (
                shown::time(row.first_heard_ms),
                shown::time(row.last_heard_ms),
                shown::ago(row.last_heard_ms, now_ms),
            ),
            events: link::to("/events", [("producer", Some(&*id)), ("source", Some(&*row.source))]),
            is_first: after == 0,
            first: own(None),
            next: page.next.map(|next| own(Some(next.to_string()))),
            ranges,
            row,
        }
    }
}

/// Ranges of numbers that did not arrive, each with its neighbours that did.
fn lines(
    row: &ProducerRow,
    ranges: &Ranges,
    reason: Option<&str>,
    restored: &[RestoredGap],
) -> Vec<RangeLine> {
    let (class, state) = match reason {
        Some(_) => words(Completeness::Declared),
        None => words(row.verdict),
    };
    let neighbour = |number: Option<u64>| {
        let number = number.filter(|number| row.ledger.received.contains(*number))?;
        let path = format!("/events/{}-{number}", row.producer);
        Some((shown::count(number), link::to(&path, [("source", Some(&*row.source))])))
    };
    let line = |(first, last): &(u64, u64)| RangeLine {
        first: *first,
        last: *last,
        class,
        state,
        cause: match (reason, restored.iter().find(|gap| gap.numbers.1 == *last)) {
            (Some(reason), _) => Markup(cause(reason)),
            (None, Some(gap)) => restore_words(gap),
            (None, None) => Markup("not known: the page declared none".into()),
        },
        before: neighbour(first.checked_sub(1)),
        after: neighbour(last.checked_add(1)),
    };
    ranges.as_slice().iter().map(line).collect()
}
