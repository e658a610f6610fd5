//! `GET /api/aggregate`.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;

use super::access::Reader;
use super::event_json::Verbatim;
use super::filter;
use super::json::JsonResponse;
use super::params::{Params, invalid, invalid_value};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{AggregateQuery, CanonicalJson, Grouping};

const KNOWN: &str = "by, name, type, source, user, producer, from, to, prop.<path>";
/// Longest time range of one count: 92 days.
const SPAN_MS_MAX: i64 = 92 * 24 * 60 * 60 * 1000;

#[derive(Serialize)]
struct AggregateJson<'a> {
    rows: Vec<RowJson<'a>>,
    /// Events with keys that are not in `rows`.
    other: u64,
    /// Whether all events of the time range were counted. If not, only events received at or after
    /// `counted_from` were counted.
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    counted_from: Option<i64>,
}

#[derive(Serialize)]
struct RowJson<'a> {
    /// The JSON value that the events share; `null` if they have none.
    key: Option<Verbatim<'a>>,
    count: u64,
}

/// `GET /api/aggregate`: counts events by a key, in a bounded time range.
pub async fn aggregate(
    _: Reader,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse, Problem> {
    let by = grouping(params.text("by").as_deref())?;
    let filter = filter::read(&mut params)?;
    params.finish(KNOWN)?;
    match (filter.from_ms, filter.to_ms) {
        (Some(from), Some(to)) if (0..=SPAN_MS_MAX).contains(&to.saturating_sub(from)) => {}
        _ => {
            return Err(invalid(
                "a count needs a time range: send `from` and a later `to`, at most 92 days apart"
                    .into(),
            ));
        }
    }
    let aggregate = app.storage.reader.aggregate(AggregateQuery { filter, by }).await?;
    JsonResponse::new(&AggregateJson {
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
