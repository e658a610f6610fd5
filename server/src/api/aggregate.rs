//! `GET /api/aggregate`.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Reader;
use super::cost::Count;
use super::event_json::Verbatim;
use super::filter::{self, FILTER};
use super::json::JsonResponse;
use super::params::{Params, invalid, invalid_value};
use super::span::{FROM, ON, ReceivedJson, TO, ZONE};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::{
    Aggregate, AggregateQuery, COUNTS_MAX, CanonicalJson, EventClock, Grouping, LATE_MS_MAX,
};

/// Describes [`aggregate`].
pub const AGGREGATE: Operation = Operation::new(Group::Query, "countEvents", "Count events")
    .about(
        "Counts the events of a time range by a key. `from` and `to` are required, and at most 92 days \
         apart, or 62 with `on=time`. A count stops after 10 s or 2 million events. `complete` is then \
         `false`, and `counted_from` says how far it came.",
    )
    .query(&[
        &[
            Param::new(
                "by",
                Form::Pattern("^(name|type|day|hour|prop\\..+)$"),
                "What to count by: `name`, `type`, `day`, `hour`, or a property as `prop.<path>`",
            )
            .required()
            .example("name"),
            FROM.required().example("2026-01-01"),
            TO.required().example("2026-02-01"),
        ],
        FILTER,
        &[ZONE, ON],
    ]);
/// Longest range of times of receipt that one count reads: 92 days. Counts by when events happened
/// also read what was received later.
const SPAN_MS_MAX: i64 = 92 * 24 * 60 * 60 * 1000;

/// Counts of events by a key.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Counts")]
pub struct AggregateJson<'a> {
    rows: Vec<RowJson<'a>>,
    /// Events with keys that are not in `rows`.
    other: u64,
    /// Whether all events of the time range were counted. If not, only events received at or after
    /// `counted_from` were counted.
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    counted_from: Option<i64>,
    /// The times of receipt that were read, if the range is one of other times.
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<ReceivedJson>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Count")]
struct RowJson<'a> {
    /// The JSON value that the events share; `null` if they have none.
    #[schemars(with = "serde_json::Value")]
    key: Option<Verbatim<'a>>,
    count: u64,
}

/// Counts as `params` ask for. The second part are the times of receipt that were read.
///
/// # Errors
/// What is wrong with `params`, or that the database cannot be read.
pub(crate) async fn count(
    app: &App,
    mut params: Params,
) -> Result<(Aggregate, Option<ReceivedJson>), Problem> {
    let by = grouping(params.text("by").as_deref())?;
    let (filter, span) = filter::read(&mut params)?;
    params.finish(AGGREGATE.query)?;
    let (span_ms_max, days) = match span.calendar.clock {
        EventClock::Received => (SPAN_MS_MAX, 92),
        EventClock::Happened => (SPAN_MS_MAX - LATE_MS_MAX, 62),
    };
    match (span.from_ms, span.to_ms) {
        (Some(from), Some(to)) if (0..=span_ms_max).contains(&to.saturating_sub(from)) => {}
        _ => {
            return Err(invalid(format!(
                "a count needs a time range: send `from` and a later `to`, at most {days} days apart"
            )));
        }
    }
    let received = span.received_json();
    let query = AggregateQuery { filter, by, calendar: span.calendar, counts_max: COUNTS_MAX };
    Ok((app.storage.reader.aggregate(query).await?, received))
}

/// `GET /api/aggregate`: counts events by a key, in a bounded time range.
pub async fn aggregate(
    _: Reader<Count>,
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<JsonResponse<AggregateJson<'static>>, Problem> {
    let (aggregate, received) = count(&app, params).await?;
    JsonResponse::new(&AggregateJson {
        received,
        other: aggregate.other,
        complete: aggregate.from_ms.is_none(),
        counted_from: aggregate.from_ms,
        rows: aggregate.rows.iter().map(row).collect(),
    })
}

fn row((key, count): &(Option<CanonicalJson>, u64)) -> RowJson<'_> {
    RowJson { key: key.as_ref().map(|key| Verbatim(key.as_str())), count: *count }
}

fn grouping(by: Option<&str>) -> Result<Grouping, Problem> {
    let expected = "name, type, day, hour or prop.<path>";
    let Some(by) = by else {
        return Err(invalid(format!("missing query parameter `by`: send {expected}")));
    };
    match (by, by.strip_prefix("prop.")) {
        ("name", _) => Ok(Grouping::Name),
        ("type", _) => Ok(Grouping::Kind),
        ("day", _) => Ok(Grouping::Day),
        ("hour", _) => Ok(Grouping::Hour),
        (_, Some(path)) => Ok(Grouping::Property(filter::read_path(path)?)),
        _ => Err(invalid_value("by", by, expected)),
    }
}
