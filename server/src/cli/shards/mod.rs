//! `lamplight shards`: which database has what, and moving it.

mod args;
mod moving;
mod remove;
mod status;

pub use args::{
    ShardMoveArgs, ShardPlanArgs, ShardRemoveArgs, ShardStatusArgs, ShardUrlArgs, ShardsCommand,
};

use std::io::Write;

use serde_json::json;

use super::Outcome;
use crate::config::ConfigError;
use crate::counted::{counted, grouped};
use crate::store::Opening;
use crate::store::postgres::shards::{ShardError, Shards};
use crate::store::shard_map::ShardMap;
use crate::system::entropy::EntropyError;
use crate::terminal::{Column, Output, Table};

const MIB: u64 = 1024 * 1024;

/// A command about shards failed.
#[derive(Debug, thiserror::Error)]
pub enum ShardsError {
    /// The configuration file cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A URL is wrong, or its file cannot be read.
    #[error("use the URLs of the databases: {0}")]
    Url(String),
    /// The shards cannot be read or changed.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// There is no randomness for the id of the installation.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The result cannot be printed.
    #[error("print the shards")]
    Print(#[from] std::io::Error),
}

/// Shows shards, or moves buckets between them.
///
/// # Errors
/// [`ShardsError`].
pub async fn shards(
    command: &ShardsCommand,
    now_ms: i64,
    out: &mut Output,
) -> Result<Outcome, ShardsError> {
    match command {
        ShardsCommand::Plan(args) => plan(args, out).await,
        ShardsCommand::Move(args) => moving::run(args, now_ms, out).await,
        ShardsCommand::Remove(args) => remove::run(args).await,
        ShardsCommand::Status(args) => status::show(args, out).await,
    }
}

/// Prints what would move.
async fn plan(args: &ShardPlanArgs, out: &mut Output) -> Result<Outcome, ShardsError> {
    let shards = Shards::open(&args.urls.urls()?, &Opening::Read).await?;
    let (map, places) = wanted(&shards, &args.drain, &args.fill)?;
    let mut rows = Vec::new();
    for planned in map.plan(&map.filled()) {
        let size = match shards.known.get(&planned.from) {
            Some(shard) => shard.size().await?,
            None => continue,
        };
        let (buckets, owned) = (planned.buckets.len() as u64, map.owned_by(planned.from).len());
        let part = |all: u64| all.saturating_mul(buckets) / (owned.max(1) as u64);
        rows.push((planned, part(size.events), part(size.bytes)));
    }
    shards.close();
    if args.json {
        let moves: Vec<_> = rows
            .iter()
            .map(|(planned, events, bytes)| {
                json!({
                    "from": planned.from, "to": planned.to, "buckets": planned.buckets.to_string(),
                    "bucket_count": planned.buckets.len(), "events": events, "bytes": bytes,
                })
            })
            .collect();
        writeln!(out, "{}", json!({ "epoch": shards.map.epoch, "moves": moves }))?;
    } else if rows.is_empty() {
        Output::note("nothing moves: every shard has as many buckets as it is to have");
    } else {
        table(&rows, &places).write(out)?;
        let events: u64 = rows.iter().map(|(_, events, _)| events).sum();
        let advice = "`lamplight shards move` moves them, while servers run";
        Output::note(&format!("about {}. {advice}", counted(events, "event", "events")));
    }
    out.flush()?;
    Ok(Outcome::Done)
}

/// The map that `move` works towards, with databases that it adds and shards that it drains, and
/// where each shard is.
fn wanted(
    shards: &Shards,
    drain: &[u16],
    fill: &[u16],
) -> Result<(ShardMap, Vec<(u16, String)>), ShardsError> {
    let mut map = shards.map.clone();
    let mut places: Vec<_> =
        shards.known.iter().map(|(number, shard)| (*number, shard.place())).collect();
    for database in &shards.new {
        let number = places.iter().map(|(number, _)| *number).max().map_or(1, |last| last + 1);
        map = map.joined(number);
        places.push((number, database.place()));
    }
    map.shards.extend(shards.known.keys());
    let unknown = drain.iter().chain(fill).find(|number| !map.shards.contains(number));
    if let Some(number) = unknown {
        return Err(ShardError::Drain { number: *number }.into());
    }
    map.drained.extend(drain);
    map.drained.retain(|number| !fill.contains(number));
    Ok((map, places))
}

fn table(rows: &[(crate::store::shard_map::Move, u64, u64)], places: &[(u16, String)]) -> Table {
    let texts = ["from", "to"].map(Column::text).into_iter();
    let numbers = ["buckets", "events", "MiB"].map(Column::number);
    let mut table = Table::new(texts.chain(numbers));
    let named = |number: u16| {
        let place = places.iter().find(|(it, _)| *it == number).map_or("", |(_, place)| place);
        format!("{number} {place}")
    };
    for (planned, events, bytes) in rows {
        table.row([
            named(planned.from),
            named(planned.to),
            planned.buckets.len().to_string(),
            grouped(*events),
            grouped(bytes / MIB),
        ]);
    }
    table
}
