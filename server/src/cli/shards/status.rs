//! `lamplight shards status`.

use std::io::Write;

use serde_json::{Value, json};

use super::super::Outcome;
use super::{MIB, ShardStatusArgs, ShardsError};
use crate::counted::{counted, grouped};
use crate::store::Opening;
use crate::store::postgres::shards::{ShardDatabase, ShardSize, Shards};
use crate::store::shard_map::{MoveStep, Moving};
use crate::terminal::{Column, Output, Table};

/// A shard, as it is shown.
struct Row {
    number: u16,
    place: String,
    epoch: u64,
    buckets: usize,
    size: ShardSize,
    is_drained: bool,
}

/// Prints all shards, and what to do about them.
pub(super) async fn show(args: &ShardStatusArgs, out: &mut Output) -> Result<Outcome, ShardsError> {
    let shards = Shards::open(&args.urls.urls()?, &Opening::Read).await?;
    let mut rows = Vec::new();
    for (number, shard) in &shards.known {
        rows.push(Row {
            number: *number,
            place: shard.place(),
            epoch: shards.epochs.get(number).copied().unwrap_or(0),
            buckets: shards.map.owned_by(*number).len(),
            size: shard.size().await?,
            is_drained: shards.map.drained.contains(number),
        });
    }
    let (wrong, advice) = advice(&shards, &rows);
    shards.close();
    if args.json {
        writeln!(out, "{}", told(&shards, &rows, wrong.iter().chain(&advice)))?;
    } else {
        table(&rows).write(out)?;
        for line in wrong.iter().chain(&advice) {
            Output::note(line);
        }
    }
    out.flush()?;
    Ok(if wrong.is_empty() { Outcome::Done } else { Outcome::Found })
}

/// What needs attention, and what else is worth knowing.
fn advice(shards: &Shards, rows: &[Row]) -> (Vec<String>, Vec<String>) {
    let (mut wrong, mut advice) = (Vec::new(), Vec::new());
    let map = &shards.map;
    if let Some(Moving { from, to, step, buckets, .. }) = &map.moving {
        let buckets = counted(buckets.len() as u64, "bucket is", "buckets are");
        let waits = match step {
            MoveStep::Leaving => "Events of them wait until they have arrived",
            MoveStep::Arrived => "They have arrived, and are still being deleted where they were",
        };
        wrong.push(format!(
            "{buckets} on the way from shard {from} to {to}. {waits}. If no `lamplight shards move` is running, run it: it \
             goes on"
        ));
    }
    for row in rows.iter().filter(|row| row.epoch < map.epoch && map.shards.contains(&row.number)) {
        wrong.push(format!(
            "shard {} has the map of epoch {}, and the newest is {}. Servers give it the newest, and so does \
             `lamplight shards move`",
            row.number, row.epoch, map.epoch
        ));
    }
    let unmapped = rows.iter().filter(|row| !map.shards.contains(&row.number));
    let new = shards.new.iter().map(ShardDatabase::place);
    for place in unmapped.map(|row| row.place.clone()).chain(new) {
        advice.push(format!("{place} is no shard yet. `lamplight shards move` adds it"));
    }
    let planned: usize = map.plan(&map.filled()).iter().map(|it| it.buckets.len()).sum();
    if planned > 0 && map.moving.is_none() {
        let buckets = counted(planned as u64, "bucket is", "buckets are");
        advice.push(format!(
            "{buckets} not where they are to be. `lamplight shards plan` shows them, and `lamplight shards move` moves them"
        ));
    }
    for row in rows.iter().filter(|row| row.is_drained && row.buckets == 0) {
        advice.push(format!(
            "shard {0} has no buckets any more. It still has the payloads that it received: keep its URL until \
             retention has deleted them, and then remove it with `lamplight shards remove {0}`",
            row.number
        ));
    }
    for (number, place) in &shards.removed {
        advice.push(format!("shard {number} was removed: {place} is not needed any more"));
    }
    (wrong, advice)
}

fn table(rows: &[Row]) -> Table {
    let texts = ["shard", "database"].map(Column::text).into_iter();
    let numbers = ["epoch", "buckets", "events", "MiB", "waiting"].map(Column::number);
    let mut table = Table::new(texts.chain(numbers));
    for row in rows {
        table.row([
            row.number.to_string(),
            row.place.clone(),
            row.epoch.to_string(),
            row.buckets.to_string(),
            grouped(row.size.events),
            grouped(row.size.bytes / MIB),
            grouped(row.size.waiting),
        ]);
    }
    table
}

fn told<'a>(shards: &Shards, rows: &[Row], advice: impl Iterator<Item = &'a String>) -> Value {
    let map = &shards.map;
    let row = |row: &Row| {
        json!({
            "number": row.number, "database": row.place, "epoch": row.epoch,
            "buckets": map.owned_by(row.number).to_string(), "bucket_count": row.buckets,
            "is_drained": row.is_drained, "events": row.size.events, "bytes": row.size.bytes,
            "waiting_payloads": row.size.waiting,
        })
    };
    let moving = map.moving.as_ref().map(|it| {
        json!({
            "from": it.from, "to": it.to, "buckets": it.buckets.to_string(),
            "has_arrived": it.step == MoveStep::Arrived,
        })
    });
    json!({
        "installation": shards.installation.map(|it| it.to_string()),
        "epoch": map.epoch,
        "shards": rows.iter().map(row).collect::<Vec<_>>(),
        "moving": moving,
        "advice": advice.collect::<Vec<_>>(),
    })
}
