//! The server's own figures, which are in the control database.

use super::Shards;
use crate::store::{Answer, Sample, TrendQuery, TrendRow, Trends};

impl Trends for Shards {
    fn record(&self, sample: Sample) -> Answer<'_, ()> {
        self.control.storage.trends.record(sample)
    }

    fn periods(&self, query: TrendQuery) -> Answer<'_, Vec<TrendRow>> {
        self.control.storage.trends.periods(query)
    }

    fn first_event_ms(&self) -> Answer<'_, Option<i64>> {
        Box::pin(async move {
            let first = self.values(|storage| storage.trends.first_event_ms()).await?;
            Ok(first.into_iter().flatten().min())
        })
    }
}
