//! `GET /api/aggregate`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Serialize;

use super::params::{Params, bad};
use super::{check_token, filter, json};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{Aggregate, AggregateQuery, Grouping};

const KNOWN: &str = "by, name, type, source, user, producer, from, to, prop.<path>";
/// Longest span of time that is counted at once: 92 days.
const SPAN_MS_MAX: i64 = 92 * 24 * 60 * 60 * 1000;

#[derive(Serialize)]
struct AggregateJson {
    rows: Vec<RowJson>,
    /// Events under keys that are not among the rows.
    other: u64,
    /// Whether all events of the span were counted. If not, only those received since `counted_from` were.
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    counted_from: Option<i64>,
}

#[derive(Serialize)]
struct RowJson {
    key: Option<String>,
    count: u64,
}

/// `GET /api/aggregate`: counts of events by a key, over a bounded time.
pub async fn aggregate(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match read(&app, &headers, query.as_deref()).await {
        Ok(aggregate) => json(&AggregateJson {
            other: aggregate.other,
            complete: aggregate.from_ms.is_none(),
            counted_from: aggregate.from_ms,
            rows: aggregate.rows.into_iter().map(|(key, count)| RowJson { key, count }).collect(),
        }),
        Err(problem) => problem.into_response(),
    }
}

async fn read(app: &App, headers: &HeaderMap, query: Option<&str>) -> Result<Aggregate, Problem> {
    check_token(app, headers)?;
    let mut params = Params::read(query)?;
    let by = params.text("by").unwrap_or_default();
    let by = match (by.as_str(), by.strip_prefix("prop.")) {
        ("name", _) => Grouping::Name,
        ("type", _) => Grouping::Kind,
        ("day", _) => Grouping::Day,
        ("hour", _) => Grouping::Hour,
        (_, Some(path)) => Grouping::Property(filter::read_path(path)?),
        _ => {
            return Err(bad(
                "query parameter `by` is not one of name, type, day, hour, prop.<path>".into(),
            ));
        }
    };
    let filter = filter::read(&mut params)?;
    params.finish(KNOWN)?;
    match (filter.from_ms, filter.to_ms) {
        (Some(from), Some(to)) if (0..=SPAN_MS_MAX).contains(&to.saturating_sub(from)) => {}
        _ => {
            return Err(bad(
                "counting takes a span of time: `from` and `to`, at most 92 days apart".into(),
            ));
        }
    }
    Ok(app.storage.reader.aggregate(AggregateQuery { filter, by }).await?)
}
