//! Processing in a store that holds many events, beside an empty one.

use std::path::Path;

use anyhow::Result;

use crate::disk;
use crate::numbers::ms;
use crate::process::{Bench, Numbering, WORKERS};
use crate::results::{Growth, Results};

/// Fills a store with this many events, measures, and adds the rates to the results.
///
/// A store in `kept` stays there. A later run continues with it.
pub(crate) async fn measure(
    rows: u64,
    rounds: usize,
    folder: &Path,
    kept: Option<&Path>,
    results: &mut Results,
) -> Result<()> {
    let name = format!("filled-{rows}");
    let store = kept.unwrap_or(folder).join(&name);
    // Written last.
    let done = store.join("filled.json");
    let mut filled = Bench::open(&store)?;
    let fill_per_s = if let Ok(text) = std::fs::read_to_string(&done) {
        filled.holds(rows);
        serde_json::from_str(&text)?
    } else {
        println!("  filling a store with {rows} events");
        let rate = filled.fill(rows).await?;
        std::fs::write(&done, serde_json::to_string(&rate)?)?;
        rate
    };
    let mut empty = Bench::open(&folder.join(format!("beside-{name}")))?;
    let mut growth = results.growth.remove(&rows).unwrap_or_default();
    growth.fill_per_s = fill_per_s;
    for round in 0..rounds {
        results.sync_ms.push(ms(disk::sync_time(folder)?));
        // Each begins in turn.
        if round % 2 == 0 {
            empty_turn(&mut empty, &mut growth).await?;
        }
        growth.filled_per_s.push(filled.process(Numbering::Numbered, WORKERS).await?);
        if round % 2 == 1 {
            empty_turn(&mut empty, &mut growth).await?;
        }
    }
    let (p50, p99) = filled.look_up(rows).await?;
    growth.lookup_p50_ms.push(ms(p50));
    growth.lookup_p99_ms.push(ms(p99));
    println!("  among {rows} events: {:?}, beside {:?}", growth.filled_per_s, growth.empty_per_s);
    results.growth.insert(rows, growth);
    empty.close().await?;
    filled.close().await
}

async fn empty_turn(empty: &mut Bench, growth: &mut Growth) -> Result<()> {
    growth.empty_per_s.push(empty.process(Numbering::Numbered, WORKERS).await?);
    Ok(())
}
