//! PostgreSQL as Lamplight's database, beside what one would do with the same cluster by hand: one
//! INSERT for each request, and COPY of prepared rows.

mod cost;
mod intake;
mod processing;
mod reading;
mod size;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::Part;
use crate::postgres::Postgres;

/// Measures and prints.
pub(crate) async fn run(
    folder: &Path,
    turn: Duration,
    rows: u64,
    does: impl Fn(Part) -> bool,
) -> Result<()> {
    let cluster = Postgres::start(&folder.join("cluster"))?;
    let version: String =
        cluster.client("postgres").await?.query_one("SHOW server_version", &[]).await?.get(0);
    println!("PostgreSQL {version}, which syncs every commit");
    let mut report = json!({ "version": version });
    if does(Part::Intake) {
        report["intake"] = intake::measure(&cluster, folder, turn).await?;
        cluster.remove(intake::DATABASE).await?;
    }
    if does(Part::Process) {
        report["processing"] = processing::measure(&cluster).await?;
        report["bytes"] = size::measure(&cluster, processing::DATABASE).await?;
        cluster.remove(processing::DATABASE).await?;
        report["reading"] = reading::measure(&cluster, rows).await?;
    }
    std::fs::create_dir_all("bench/results")?;
    std::fs::write("bench/results/postgres.json", serde_json::to_string_pretty(&report)?)
        .context("failed to write bench/results/postgres.json")
}
