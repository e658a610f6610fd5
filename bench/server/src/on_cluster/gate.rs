//! What the gate costs: the advisory lock that each transaction shares which stores events, so that
//! buckets can move. Without it, the function of the database that takes it only reads the map.

use anyhow::Result;
use serde_json::{Value, json};

use crate::ROUNDS;
use crate::numbers::median;
use crate::postgres::Postgres;
use crate::process::{Bench, Numbering, WORKERS};

const WITH: &str = "with_gate";
const WITHOUT: &str = "without_gate";
/// The statement of the function that takes the lock.
const LOCK: &str = "PERFORM pg_advisory_xact_lock_shared(119165703684104);";

/// Measures and prints.
pub(super) async fn measure(cluster: &Postgres) -> Result<Value> {
    for database in [WITH, WITHOUT] {
        cluster.create(database).await?;
    }
    let mut with = Bench::open_on(&cluster.url(WITH)).await?;
    let mut without = Bench::open_on(&cluster.url(WITHOUT)).await?;
    let client = cluster.client(WITHOUT).await?;
    let read = "SELECT pg_get_functiondef('lamplight.shard_gate'::regproc)";
    let function: String = client.query_one(read, &[]).await?.get(0);
    anyhow::ensure!(function.contains(LOCK), "the gate takes another lock: {function}");
    client.batch_execute(&function.replace(LOCK, "")).await?;
    let (mut withs, mut withouts) = (Vec::new(), Vec::new());
    // A turn that is not counted lets both databases make their partitions.
    for round in 0..=2 * ROUNDS {
        for (bench, rates) in [(&mut with, &mut withs), (&mut without, &mut withouts)] {
            let rate = bench.process(Numbering::Pages, WORKERS).await?;
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    with.close().await?;
    without.close().await?;
    let (withs, withouts) = (median(withs), median(withouts));
    println!(
        "\nprocessing with {WORKERS} workers, in events a second; medians of {} turns",
        2 * ROUNDS
    );
    println!(
        "  with the gate {withs:.0}, without {withouts:.0}, with:without {:.3}",
        withs / withouts
    );
    Ok(json!({ "with_per_s": withs, "without_per_s": withouts, "ratio": withs / withouts }))
}
