//! Counting events by a key in all databases.

use std::collections::HashMap;

use super::Shards;
use super::gather::present;
use crate::store::bucket::bucket_of_producer;
use crate::store::event_tally::KEYS_MAX;
use crate::store::{Aggregate, AggregateQuery, CanonicalJson, StoreError};

impl Shards {
    /// Adds up what the databases count. If the limit of rows ended a count early, the others cover
    /// the same time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn count_events(
        &self,
        query: AggregateQuery,
    ) -> Result<Aggregate, StoreError> {
        if let Some(producer) = query.filter.producer {
            let owner = self.owner(bucket_of_producer(producer));
            let count = self.read_one(owner, |storage| storage.reader.aggregate(query)).await?;
            return Ok(count.unwrap_or_default());
        }
        let counts_max = query.counts_max;
        // A count that is small in one database may be large in all of them.
        let mut query = AggregateQuery { counts_max: KEYS_MAX + 1, ..query };
        let mut from_ms = None;
        loop {
            let counted = self.each(|storage| storage.reader.aggregate(query.clone())).await;
            let counted = present(counted)?;
            let ended_ms = counted.iter().filter_map(|(_, count)| count.from_ms).max();
            if ended_ms.is_none() || counted.len() == 1 {
                let counts = counted.into_iter().map(|(_, count)| count);
                let mut sum = added(counts);
                sum.from_ms = sum.from_ms.max(from_ms);
                sum.keep_largest(counts_max);
                return Ok(sum);
            }
            // Each then ends there, and not before.
            from_ms = from_ms.max(ended_ms);
            query.filter.from_ms = query.filter.from_ms.max(from_ms);
        }
    }
}

/// The sums of counts.
fn added(counts: impl Iterator<Item = Aggregate>) -> Aggregate {
    let mut sums = HashMap::<Option<CanonicalJson>, u64>::new();
    let mut sum = Aggregate::default();
    for Aggregate { rows, other, from_ms } in counts {
        for (key, count) in rows {
            *sums.entry(key).or_default() += count;
        }
        sum.other += other;
        sum.from_ms = sum.from_ms.max(from_ms);
    }
    sum.rows = sums.into_iter().collect();
    sum
}
