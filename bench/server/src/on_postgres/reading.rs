//! Looking events up and listing them in a store with many, received over ten weeks.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lamplight_server::store::{EventFilter, EventQuery, EventRef, Position, RowId};
use serde_json::{Value, json};

use crate::postgres::Postgres;
use crate::process::Bench;

const DATABASE: &str = "reading";
/// Calls of each kind.
const CALLS: usize = 1_000;
/// Events of a page.
const PAGE: u32 = 50;

/// Measures and prints.
pub(super) async fn measure(cluster: &Postgres, rows: u64) -> Result<Value> {
    cluster.create(DATABASE).await?;
    println!("\nfilling a store with {rows} events");
    let mut bench = Bench::open_on(&cluster.url(DATABASE)).await?;
    let fill = bench.fill(rows).await?;
    let client = cluster.client(DATABASE).await?;
    client.batch_execute("VACUUM ANALYZE").await?;
    let sql = "SELECT id, user_id FROM lamplight.events TABLESAMPLE SYSTEM (5) ORDER BY random() LIMIT 1000";
    let sample: Vec<(RowId, String)> =
        client.query(sql, &[]).await?.iter().map(|row| (RowId(row.get(0)), row.get(1))).collect();
    anyhow::ensure!(!sample.is_empty(), "the sample of events is empty");
    println!("  it was filled at {fill:.0} events a second");
    let mut lines = Vec::new();
    for what in [
        "an event by its id",
        "newest page",
        "page after an id",
        "page of a name",
        "page of a user",
    ] {
        let mut times = Vec::new();
        for at in 0..CALLS {
            let (id, user) = sample.get(at % sample.len()).context("no sample")?;
            let all = EventFilter::default();
            let page = |filter, after| EventQuery { filter, after, limit: PAGE };
            let query = match what {
                "an event by its id" => None,
                "newest page" => Some(page(all, None)),
                "page after an id" => Some(page(all, Some(Position::Row(*id)))),
                "page of a name" => {
                    let name = Some("product_viewed".to_owned());
                    Some(page(EventFilter { name, ..all }, Some(Position::Row(*id))))
                }
                _ => Some(page(EventFilter { user: Some(user.clone()), ..all }, None)),
            };
            let started = Instant::now();
            match query {
                None => {
                    let found = bench.storage().reader.event(EventRef::Row(*id)).await?;
                    found.context("an event that was stored is not found")?;
                }
                Some(query) => drop(bench.storage().reader.events(query).await?),
            }
            times.push(started.elapsed());
        }
        times.sort_unstable();
        let at = |share: usize| ms(times.get(times.len() * share / 100).copied());
        println!("  {what:<22} p50 {:>7.2} ms, p99 {:>7.2} ms", at(50), at(99));
        lines.push(json!({ "what": what, "p50_ms": at(50), "p99_ms": at(99) }));
    }
    bench.close().await?;
    Ok(json!({ "rows": rows, "fill_per_s": fill, "calls": lines }))
}

fn ms(time: Option<Duration>) -> f64 {
    time.unwrap_or_default().as_secs_f64() * 1e3
}
