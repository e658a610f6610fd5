//! `POST /api/sinks/{name}/backfill`: delivers past events to a sink.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Admin;
use super::cost::Change;
use super::events::{CURSOR, read_cursor, write_cursor};
use super::filter::{self, FILTER};
use super::json::JsonResponse;
use super::params::{CURSOR as CURSOR_PARAM, Params, invalid};
use super::sinks::{NAME, no_such_sink};
use super::span::{FROM, ON, TO, ZONE};
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::{BackfillAsk, BackfillCount, EventFilter, EventQuery, Position};

/// Describes [`backfill`].
pub const BACKFILL: Operation =
    Operation::new(Group::Operate, "backfillSink", "Deliver past events to a sink")
        .about(
            "Queues stored events for a sink, newest first, by the filters of `GET /api/events`. A \
             call looks at up to 10,000 matching events. Send its `next` as `cursor` until it is \
             `null`.",
        )
        .part(NAME)
        .query(&[
            &[FROM.required().example("2026-01-01"), TO, ZONE, ON],
            FILTER,
            &[
                Param::new("dry_run", Form::Flag, "Only counts").default("false").example("true"),
                CURSOR_PARAM,
            ],
        ])
        .problems(&["not_found"]);
/// The most events of one transaction.
const PAGE_EVENTS: u32 = 500;
/// The most pages of one call. A page looks at a limited number of rows.
const PAGES_MAX: usize = 20;

/// What a backfill has queued.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Backfill")]
pub struct BackfilledJson<'a> {
    sink: &'a str,
    dry_run: bool,
    /// Events that were queued, or would be.
    queued: u64,
    /// Events of which the sink had a delivery already.
    known: u64,
    /// Events that the sink's route does not want.
    unwanted: u64,
    /// Events that were dropped because of Global Privacy Control.
    private: u64,
    /// The cursor of the next call, if there may be more events.
    next: Option<String>,
}

/// `POST /api/sinks/{name}/backfill`: queues stored events for a sink, newest first, by the filters
/// of `GET /api/events`. A call looks at up to 10,000 matching events, and `next` continues.
pub async fn backfill(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    PathText(sink): PathText,
    mut params: Params,
) -> Result<JsonResponse<BackfilledJson<'static>>, Problem> {
    let dry_run = params.flag("dry_run")?;
    let span = PastEvents::read(params)?;
    let (count, next) = run_backfill(&app, &sink, span, dry_run).await?;
    let BackfillCount { queued, known, unwanted, private } = count;
    JsonResponse::new(&BackfilledJson {
        sink: &sink,
        dry_run,
        queued,
        known,
        unwanted,
        private,
        next,
    })
}

/// The events of a backfill.
#[derive(Debug)]
pub(crate) struct PastEvents {
    filter: EventFilter,
    next: Option<Position>,
}

impl PastEvents {
    /// Takes the filter and the cursor, and rejects other parameters.
    pub(crate) fn read(mut params: Params) -> Result<Self, Problem> {
        let (filter, _) = filter::read(&mut params)?;
        let by_seq = filter.producer.is_some();
        let next = params.value("cursor", CURSOR, |text| {
            read_cursor(text).filter(|position| by_seq == matches!(position, Position::Seq(..)))
        })?;
        params.finish(BACKFILL.query)?;
        if filter.from_ms.is_none() {
            let why = "a backfill needs the query parameter `from`: send the time of receipt from \
                       which events are delivered";
            return Err(invalid(why.into()));
        }
        Ok(Self { filter, next })
    }
}

/// Looks at up to 10,000 events, and queues or counts them. Returns the cursor of the next call.
pub(crate) async fn run_backfill(
    app: &App,
    sink: &str,
    PastEvents { filter, mut next }: PastEvents,
    dry_run: bool,
) -> Result<(BackfillCount, Option<String>), Problem> {
    let mut count = BackfillCount::default();
    for _ in 0..PAGES_MAX {
        let query = EventQuery { filter: filter.clone(), after: next, limit: PAGE_EVENTS };
        let page = app.storage.reader.events(query).await?;
        let now_ms = app.clock.now_ms();
        let ask = BackfillAsk { sink: sink.to_owned(), events: page.events, now_ms, dry_run };
        let Some(done) = app.storage.delivery_queue.backfill(ask).await? else {
            return Err(no_such_sink(sink));
        };
        count += done;
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok((count, next.map(write_cursor)))
}
