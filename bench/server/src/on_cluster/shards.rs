//! Events from the request to the row, with one database and with two. Each database is a cluster
//! of its own, with its own log.
//!
//! On a machine of few processors, a second database adds none. So they are also measured while
//! each database runs for a quarter of the time, as if it had a slower machine of its own.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::pages;
use crate::ROUNDS;
use crate::numbers::median;
use crate::peer::Peer;
use crate::postgres::Postgres;
use crate::slowed::Slowed;

/// The only database, and the first of two.
const ALONE: &str = "alone";
const SHARD: &str = "shard";

/// Measures and prints.
pub(super) async fn measure(first: &Postgres, folder: &Path) -> Result<Value> {
    let second = Postgres::start(&folder.join("second"))?;
    first.create(ALONE).await?;
    first.create(SHARD).await?;
    second.create(SHARD).await?;
    let one = Peer::lamplight_on(&first.url(ALONE), &folder.join("one")).await?;
    let both = format!("{} {}", first.url(SHARD), second.url(SHARD));
    let two = Peer::lamplight_on(&both, &folder.join("two")).await?;
    println!("\nevents of pages from the request to the row, a second; medians of {ROUNDS} turns");
    let mut lines = Vec::new();
    for (what, is_slow) in
        [("databases that share all processors", false), ("databases slowed to a quarter", true)]
    {
        let (mut ones, mut twos) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for (peer, rates) in [(&one, &mut ones), (&two, &mut twos)] {
                let slow = |cluster: &Postgres| Slowed::new(cluster.pid()?);
                let slowed = if is_slow { Some((slow(first)?, slow(&second)?)) } else { None };
                rates.push(pages::send(peer).await?);
                drop(slowed);
            }
        }
        let (ones, twos) = (median(ones), median(twos));
        println!("  {what:<36} one {ones:>7.0}, two {twos:>7.0}, two:one {:.2}", twos / ones);
        lines.push(json!({ "what": what, "one_per_s": ones, "two_per_s": twos }));
    }
    Ok(lines.into())
}
