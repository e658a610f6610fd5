//! `GET /api/producers`.

use std::sync::Arc;

use axum::extract::State;
use lamplight_wire::Ranges;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Reader;
use super::cost::List;
use super::json::JsonResponse;
use super::params::{LIMIT, Params};
use super::producer_list::{PRODUCERS_FILTER, ProducerList, write_cursor};
use super::restored::{RestoredGap, RestoredGapJson, restored_gaps};
use crate::app::App;
use crate::http::problem::Problem;
use crate::openapi::{Form, Group, Operation, Param};
use crate::store::ProducerRow;

/// A page of producers.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ProducerPage")]
pub struct PageJson {
    producers: Vec<ProducerJson>,
    /// The `cursor` of the next page, if there may be one.
    next: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Producer")]
struct ProducerJson {
    producer: String,
    source: String,
    made: u64,
    received: u64,
    missing: u64,
    /// The first ranges of numbers that did not arrive and were not declared.
    holes: Vec<(u64, u64)>,
    declared: Vec<DeclaredJson>,
    /// The number after which the ranges continue, if there are more.
    next_number: Option<u64>,
    /// Numbers up to this one count only if they arrived, because the source was forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten: Option<u64>,
    /// What the producer claims that is not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    doubt: Option<DoubtJson>,
    /// The gaps that begin where a backup ends that this server was restored from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    restored: Vec<RestoredGapJson>,
    #[schemars(extend("enum" = ["complete", "in_flight", "declared", "lost"]))]
    verdict: &'static str,
    first_heard: i64,
    last_heard: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Doubt")]
struct DoubtJson {
    /// The highest number that it claims to have assigned, if that is too far ahead of what
    /// arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<u64>,
    /// How many declared numbers its ledger had no room for.
    refused: u64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeclaredNumbers")]
struct DeclaredJson {
    reason: String,
    ranges: Vec<(u64, u64)>,
}

/// Describes [`producers`].
pub const PRODUCERS: Operation = Operation::new(
    Group::Query,
    "listProducers",
    "List pages and what is missing of them",
)
.about(
    "A page of producers (pages and workers), most recently heard from first: which of their \
             sequence numbers arrived, were declared as dropped, or are missing.",
)
.query(&[
    PRODUCERS_FILTER,
    &[
        Param::new(
            "after",
            Form::Number(0, u64::MAX),
            "The number after which ranges are listed, such as `next_number`",
        )
        .default("0"),
        LIMIT,
    ],
]);

/// `GET /api/producers`: a page of producers, most recently heard from first. With `producer`, its
/// ledgers in all sources.
pub async fn producers(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse<PageJson>, Problem> {
    let limit = params.limit()?;
    let mut list = ProducerList::read(&app, &mut params, limit)?;
    list.query.after_number = read_after(&mut params)?;
    params.finish(PRODUCERS.query)?;
    let page = list.page(&*app.storage.reader).await?;
    let mut producers = Vec::with_capacity(page.producers.len());
    for row in page.producers {
        let restored = restored_gaps(&app, &row).await?;
        producers.push(producer(row, restored));
    }
    JsonResponse::new(&PageJson { producers, next: page.next.as_ref().map(write_cursor) })
}

/// Takes the number after which ranges are listed.
pub(crate) fn read_after(params: &mut Params) -> Result<u64, Problem> {
    let after =
        params.value("after", "a number, such as `next_number`", |text| text.parse().ok())?;
    Ok(after.unwrap_or(0))
}

fn producer(row: ProducerRow, restored: Vec<RestoredGap>) -> ProducerJson {
    let pairs = |ranges: &Ranges| ranges.as_slice().to_vec();
    ProducerJson {
        producer: row.producer.to_string(),
        source: row.source,
        made: row.made,
        received: row.received,
        missing: row.missing,
        holes: pairs(&row.unarrived.holes),
        next_number: row.unarrived.next,
        forgotten: Some(row.ledger.forgotten).filter(|number| *number > 0),
        doubt: (row.claimed.is_some() || row.refused > 0)
            .then_some(DoubtJson { claimed: row.claimed, refused: row.refused }),
        declared: row
            .unarrived
            .declared
            .iter()
            .map(|(reason, ranges)| DeclaredJson { reason: reason.clone(), ranges: pairs(ranges) })
            .collect(),
        restored: restored.into_iter().map(RestoredGapJson::from).collect(),
        verdict: row.verdict.name(),
        first_heard: row.first_heard_ms,
        last_heard: row.last_heard_ms,
    }
}
