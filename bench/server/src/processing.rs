//! Processing on an empty store, beside a bare loop of prepared inserts of the same rows.

use std::path::Path;

use anyhow::Result;

use crate::disk;
use crate::numbers::ms;
use crate::process::{Bench, Numbering, WORKERS, bare_inserts};
use crate::results::Results;

/// A bare loop of prepared inserts.
pub(crate) const BARE: &str = "bare prepared inserts of the same rows";
/// Events that are not deduplicated.
pub(crate) const ANONYMOUS: &str = "processed, not numbered";
/// Events that are deduplicated, from known producers.
pub(crate) const PAGES: &str = "processed, numbered, pages that send in turn";
/// Events that are deduplicated, each payload from a new producer.
pub(crate) const NEW_PAGES: &str = "processed, numbered, a new page for each payload";
/// Other numbers of workers.
pub(crate) const BY_WORKERS: [(u32, &str); 2] =
    [(1, "pages that send in turn, one worker"), (4, "pages that send in turn, four workers")];

/// Measures, and adds the rates to the results.
pub(crate) async fn measure(rounds: usize, folder: &Path, results: &mut Results) -> Result<()> {
    let mut bench = Bench::open(&folder.join("empty"))?;
    for round in 0..rounds {
        results.sync_ms.push(ms(disk::sync_time(folder)?));
        let mut rates = vec![
            (BARE, bare_inserts(&folder.join(format!("bare-{round}")))?),
            (NEW_PAGES, bench.process(Numbering::Numbered, WORKERS).await?),
            (ANONYMOUS, bench.process(Numbering::Anonymous, WORKERS).await?),
            (PAGES, bench.process(Numbering::Pages, WORKERS).await?),
        ];
        for (workers, name) in BY_WORKERS {
            rates.push((name, bench.process(Numbering::Pages, workers).await?));
        }
        for (name, rate) in rates {
            println!("  {name:<50} {rate:>8.0} events/s");
            results.processing_per_s.entry(name.to_owned()).or_default().push(rate);
        }
    }
    bench.close().await
}
