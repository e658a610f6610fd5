//! A cluster: three nodes of NATS that take payloads, and several databases that keep events,
//! beside what one uses before that.

mod gate;
mod intake;
mod nats;
mod pages;
mod shards;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::postgres::Postgres;
use crate::{Part, disk};

/// Measures and prints.
pub(crate) async fn run(folder: &Path, turn: Duration, does: impl Fn(Part) -> bool) -> Result<()> {
    let sync = disk::sync_time(folder)?;
    println!("the disk's own sync of 4 KiB: {:.2} ms", sync.as_secs_f64() * 1e3);
    let mut report = json!({ "sync_ms": sync.as_secs_f64() * 1e3 });
    let parts = [Part::ClusterIntake, Part::ClusterShards, Part::ClusterGate];
    for part in parts.into_iter().filter(|part| does(*part)) {
        println!("\n{}", part.heading());
        let cluster = Postgres::start(&folder.join("cluster"))?;
        match part {
            Part::ClusterIntake => {
                report["intake"] = intake::measure(&cluster, folder, turn).await?;
            }
            Part::ClusterShards => report["shards"] = shards::measure(&cluster, folder).await?,
            _ => report["gate"] = gate::measure(&cluster).await?,
        }
        drop(cluster);
        std::fs::remove_dir_all(folder.join("cluster"))?;
    }
    std::fs::create_dir_all("bench/results")?;
    std::fs::write("bench/results/cluster.json", serde_json::to_string_pretty(&report)?)
        .context("failed to write bench/results/cluster.json")
}
