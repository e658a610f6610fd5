//! `GET /api/producers`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use lamplight_wire::{Producer, Ranges};
use serde::Serialize;

use super::params::Params;
use super::{check_token, json};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{Completeness, ProducerCursor, ProducerPage, ProducerQuery, ProducerRow};

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

/// `GET /api/producers`: a page of producers, the one heard from last first.
pub async fn producers(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match read(&app, &headers, query.as_deref()).await {
        Ok(page) => json(&PageJson {
            producers: page.producers.into_iter().map(producer).collect(),
            next: page.next.map(|next| format!("{}-{}", next.last_heard_ms, next.producer)),
        }),
        Err(problem) => problem.into_response(),
    }
}

async fn read(
    app: &App,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<ProducerPage, Problem> {
    check_token(app, headers)?;
    let mut params = Params::read(query)?;
    let query = ProducerQuery {
        verdict: params.value(
            "verdict",
            "one of complete, in_flight, declared, lost",
            Completeness::from_name,
        )?,
        source: params.text("source"),
        after: params.value("cursor", "the `next` of a page", |text| {
            let (ms, name) = text.rsplit_once('-')?;
            Some(ProducerCursor {
                last_heard_ms: ms.parse().ok()?,
                producer: Producer::parse(name)?,
            })
        })?,
        limit: params.limit()?,
        now_ms: app.clock.now_ms(),
    };
    params.finish("verdict, source, limit, cursor")?;
    Ok(app.storage.reader.producers(query).await?)
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
