//! What deduplication costs in CPU time and in bytes written.

use std::path::Path;

use anyhow::Result;

use crate::process::{Bench, Numbering, WORKERS};

/// Turns of each kind.
const TURNS: usize = 6;

/// Processes the same number of events of each kind, each in its own store and taking turns, and
/// prints what deduplication costs.
pub(crate) async fn compare(folder: &Path) -> Result<()> {
    let kinds = [
        ("not numbered", Numbering::Anonymous),
        ("numbered, pages that send in turn", Numbering::Pages),
        ("numbered, a new page for each payload", Numbering::Numbered),
    ];
    let mut peers = Vec::new();
    for (what, identity) in kinds {
        peers.push((what, identity, Bench::open(&folder.join(what))?, Vec::new()));
    }
    for _ in 0..TURNS {
        for (_, identity, bench, rates) in &mut peers {
            rates.push(bench.process(*identity, WORKERS).await?);
        }
    }
    println!("\nwhat dedup costs        writer thread   bytes written   events/s (median)");
    let least = peers[0].2.spent;
    for (what, _, bench, mut rates) in peers {
        rates.sort_by(f64::total_cmp);
        println!(
            "  {what:<38} {:>6.2} s {:>5.2}x {:>6.0} MB {:>5.2}x {:>8.0}",
            bench.spent.writer.as_secs_f64(),
            ratio(bench.spent.writer.as_nanos(), least.writer.as_nanos()),
            ratio(u128::from(bench.spent.written_bytes), 1_000_000),
            ratio(u128::from(bench.spent.written_bytes), u128::from(least.written_bytes)),
            rates[rates.len() / 2],
        );
        bench.close().await?;
    }
    Ok(())
}

fn ratio(part: u128, whole: u128) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let (part, whole) = (part as f64, whole as f64);
    part / whole
}
