//! A store with many events. `LAMPLIGHT_LARGE_EVENTS` says how many, with about 400 bytes of disk
//! for each. What is timed is printed, and never asserted.

mod addresses;
mod counted;
mod deliveries;
mod extent;
mod ledgers;
mod payloads;
mod served;
mod watched;
mod weeks;

use std::path::Path;

use extent::Extent;
use lamplight_server::store::Storage;

/// How many events the store has.
fn events() -> u64 {
    let asked = std::env::var("LAMPLIGHT_LARGE_EVENTS").ok();
    asked.map_or(26_000, |events| events.parse().unwrap())
}

/// Writes a store that an earlier version left, whose events are not counted yet.
async fn fill(folder: &Path, extent: Extent, storage: &Storage) {
    watched::fill(storage, extent).await;
    storage.close().await.unwrap();
    watched::fill_errors(folder, extent);
    weeks::fill(folder, extent);
    deliveries::fill(folder, extent);
    payloads::fill(folder, extent);
    // Last, because it says that nothing is counted.
    ledgers::fill(folder, extent);
}
