//! Compares tallies with a recount of what is stored. Reads only.

use std::collections::HashMap;

use deadpool_postgres::Transaction;

use super::repair::{Progress, scan_all};
use super::{log, rows};
use crate::store::postgres::connection::failure::Failure;
use crate::store::tally::{TallyKind, TallyScan, Wanted};
use crate::store::{Counts, Week};

/// The tallies that are not what a recount says of weeks from `kept_from` on, each with what
/// differs.
pub(crate) async fn differences(
    snapshot: &Transaction<'_>,
    kept_from: Week,
    progress: Progress<'_>,
) -> Result<Vec<String>, Failure> {
    let known = rows::of_kinds(snapshot, &TallyKind::ALL).await?.into_iter();
    let mut told: HashMap<_, _> = known.map(|(key, _, counts)| (key, counts)).collect();
    let log = log::read(snapshot, |_| Wanted::Everything).await?;
    let added = log::folded(snapshot, log).await?;
    told.extend(added.into_iter().map(|it| (it.key, it.counts)));
    let mut scan = TallyScan::of(told.keys().cloned(), false);
    scan_all(snapshot, &mut scan, progress).await?;
    let (none, mut found) = (Counts::default(), Vec::new());
    let is_kept = |week: i64| week >= i64::from(kept_from.number());
    for (key, scanned) in &scan.tallies {
        let is_exact = !matches!(key.kind, TallyKind::Error(_));
        let told = told.get(key).unwrap_or(&none);
        if let Some(difference) = told.difference(&scanned.counts, is_exact, is_kept) {
            found.push(format!("{key}: {difference}"));
        }
    }
    Ok(found)
}
