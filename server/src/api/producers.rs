//! `GET /api/producers`.

use std::sync::Arc;

use axum::extract::State;
use lamplight_wire::{Producer, Ranges};
use serde::Serialize;

use super::access::Reader;
use super::cost::List;
use super::json::JsonResponse;
use super::params::Params;
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{Completeness, ProducerCursor, ProducerQuery, ProducerRow};

#[derive(Serialize)]
struct PageJson {
    producers: Vec<ProducerJson>,
    next: Option<String>,
}

#[derive(Serialize)]
struct ProducerJson {
    producer: String,
    source: String,
    made: u64,
    received: u64,
    holes: Vec<(u64, u64)>,
    declared: Vec<DeclaredJson>,
    verdict: &'static str,
    first_heard: i64,
    last_heard: i64,
}

#[derive(Serialize)]
struct DeclaredJson {
    reason: String,
    ranges: Vec<(u64, u64)>,
}

/// `GET /api/producers`: a page of producers, most recently heard from first.
pub async fn producers(
    _: Reader<List>,
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<JsonResponse, Problem> {
    let query = ProducerQuery {
        verdict: params.value(
            "verdict",
            "complete, in_flight, declared or lost",
            Completeness::from_name,
        )?,
        source: params.text("source"),
        after: params.value("cursor", "the `next` of a page with the same filters", read_cursor)?,
        limit: params.limit()?,
        now_ms: app.clock.now_ms(),
    };
    params.finish("verdict, source, limit, cursor")?;
    let page = app.storage.reader.producers(query).await?;
    JsonResponse::new(&PageJson {
        producers: page.producers.into_iter().map(producer).collect(),
        next: page.next.map(|next| format!("{}-{}", next.last_heard_ms, next.producer)),
    })
}

fn read_cursor(text: &str) -> Option<ProducerCursor> {
    let (last_heard_ms, producer) = text.rsplit_once('-')?;
    Some(ProducerCursor {
        last_heard_ms: last_heard_ms.parse().ok()?,
        producer: Producer::parse(producer)?,
    })
}

fn producer(row: ProducerRow) -> ProducerJson {
    let pairs = |ranges: &Ranges| ranges.as_slice().to_vec();
    ProducerJson {
        producer: row.producer.to_string(),
        source: row.source,
        made: row.made,
        received: row.received,
        holes: pairs(&row.holes),
        declared: row
            .declared
            .iter()
            .map(|(reason, ranges)| DeclaredJson { reason: reason.clone(), ranges: pairs(ranges) })
            .collect(),
        verdict: row.verdict.name(),
        first_heard: row.first_heard_ms,
        last_heard: row.last_heard_ms,
    }
}
