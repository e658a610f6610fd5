//! Tallies of rows that move to another database, or come from one.
//!
//! They are not added to the log: what is there was counted as it was received, and these are of
//! any time. The newest periods must not make room for them.

use std::collections::HashMap;

use deadpool_postgres::Transaction;

use super::fold::{Batch, batch};
use super::{log, rows};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::locks::Lock;
use crate::store::tally::{KeyedLog, Logged, Seen, TallyKey, TallyKind};
use crate::store::{Counts, ErrorSample, PropertyFacts, Week};

/// The most parts of the log that are added first.
const BATCHES_MAX: u32 = 1_000;

/// What moves of one tally.
#[derive(Debug, Clone, Default)]
pub(crate) struct MovedTally {
    pub(crate) counts: Counts,
    pub(crate) sample: Option<ErrorSample>,
    pub(crate) facts: Option<PropertyFacts>,
}

/// All tallies, with what the log says. Nobody else changes them until the transaction ends.
pub(crate) async fn all(
    transaction: &Transaction<'_>,
) -> Result<Vec<(TallyKey<'static>, Counts)>, Failure> {
    Lock::Tallies.take(transaction).await?;
    for _ in 0..BATCHES_MAX {
        if batch(transaction).await? == Batch::Last {
            break;
        }
    }
    let all = rows::of_kinds(transaction, &TallyKind::ALL).await?;
    Ok(all.into_iter().map(|(key, _, counts)| (key, counts)).collect())
}

/// Adds what comes, with a `sign` of 1, or takes away what leaves, with one of -1. Nobody else
/// changes tallies until the transaction ends. Returns what was added to which tally.
pub(crate) async fn merge(
    transaction: &Transaction<'_>,
    sign: i64,
    moved: HashMap<TallyKey<'static>, MovedTally>,
) -> Result<Vec<(TallyKey<'static>, Counts)>, Failure> {
    if moved.is_empty() {
        return Ok(Vec::new());
    }
    Lock::Tallies.take(transaction).await?;
    for _ in 0..BATCHES_MAX {
        if batch(transaction).await? == Batch::Last {
            break;
        }
    }
    let mut moved: Vec<_> = moved.into_iter().collect();
    moved.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut keys = KeyedLog::default();
    for (key, tally) in &mut moved {
        let (first_ms, last_ms) = (tally.counts.first_ms, tally.counts.last_ms);
        let seen = Seen { first_ms, last_ms, minutes: Vec::new() };
        let sample = tally.sample.take().map(|sample| (Week::of_ms(last_ms), sample));
        keys.add(key.clone(), Logged { seen, sample, facts: tally.facts.take() });
    }
    let mut folded = log::folded(transaction, keys).await?;
    let places: HashMap<_, _> =
        folded.iter().enumerate().map(|(at, it)| (it.key.clone(), at)).collect();
    let mut merged = Vec::with_capacity(moved.len());
    for (key, tally) in moved {
        // One without room is counted with all others that have none.
        let at = places.get(&key).or_else(|| places.get(&key.admitted(usize::MAX)));
        if let Some(folded) = at.and_then(|at| folded.get_mut(*at)) {
            folded.counts.merge(&tally.counts, sign, folded.key.kind.kept());
            merged.push((folded.key.clone(), tally.counts));
        }
    }
    rows::write_folded(transaction, &folded).await?;
    Ok(merged)
}
