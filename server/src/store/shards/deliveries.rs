//! Deliveries, each in the database that has its event.

use std::collections::BTreeMap;

use tokio::sync::watch;

use super::{Shard, Shards};
use crate::store::bucket::bucket_of_row;
use crate::store::{
    Answer, BackfillAsk, BackfillCount, DeadLetter, DeadLetterQuery, DeliveryAsk, DeliveryQueue,
    DeliveryStep, DiscardAsk, EventRow, Lease, LeasedDelivery, RetryAsk, RetryCount, RowId,
    Settlement, SinkRow, StoreError,
};

impl Shards {
    /// Queues past events for a sink, each in its database. A dry run counts them.
    async fn backfill_in_each(
        &self,
        ask: BackfillAsk,
    ) -> Result<Option<BackfillCount>, StoreError> {
        let BackfillAsk { sink, events, now_ms, dry_run } = ask;
        let mut parts = BTreeMap::<u16, Vec<EventRow>>::new();
        for event in events {
            parts.entry(self.owner(bucket_of_row(&event))).or_default().push(event);
        }
        // Without events, it still says whether there is such a sink.
        if parts.is_empty() {
            parts.insert(self.control.number, Vec::new());
        }
        let mut sum = BackfillCount::default();
        for (number, events) in parts {
            let shard = self.numbered(number).ok_or_else(Shard::down)?;
            let ask = BackfillAsk { sink: sink.clone(), events, now_ms, dry_run };
            let queued = self
                .write_in(shard, &|storage| storage.delivery_queue.backfill(ask.clone()))
                .await?;
            match queued {
                Some(count) => sum += count,
                None => return Ok(None),
            }
        }
        Ok(Some(sum))
    }
}

impl DeliveryQueue for Shards {
    fn lease(&self, ask: DeliveryAsk) -> Answer<'_, (Lease, Vec<LeasedDelivery>)> {
        Box::pin(self.lease_deliveries(ask))
    }

    fn settle(&self, settlement: Settlement) -> Answer<'_, ()> {
        Box::pin(self.settle_deliveries(settlement))
    }

    fn pause_sink(&self, sink: String, pause: bool, now_ms: i64) -> Answer<'_, bool> {
        Box::pin(async move {
            let paused = self.write_all(|storage| {
                storage.delivery_queue.pause_sink(sink.clone(), pause, now_ms)
            });
            let paused = paused.await;
            self.queued.look();
            Ok(paused?.contains(&true))
        })
    }

    fn retry_dead(&self, ask: RetryAsk) -> Answer<'_, RetryCount> {
        Box::pin(async move {
            let retried =
                self.write_all(|storage| storage.delivery_queue.retry_dead(ask.clone())).await?;
            Ok(retried.into_iter().fold(RetryCount::default(), RetryCount::and))
        })
    }

    fn discard_dead(&self, ask: DiscardAsk) -> Answer<'_, RetryCount> {
        Box::pin(async move {
            let discarded =
                self.write_all(|storage| storage.delivery_queue.discard_dead(ask.clone())).await?;
            Ok(discarded.into_iter().fold(RetryCount::default(), RetryCount::and))
        })
    }

    fn dead_letters(&self, query: DeadLetterQuery) -> Answer<'_, Vec<DeadLetter>> {
        Box::pin(async move {
            let read = || self.values(|storage| storage.delivery_queue.dead_letters(query.clone()));
            let lists = self.by_one_map(read).await?;
            let mut letters: Vec<_> = lists.into_iter().flatten().collect();
            letters.sort_by_key(|letter| letter.event);
            letters.dedup_by_key(|letter| letter.event);
            letters.truncate(query.limit as usize);
            Ok(letters)
        })
    }

    fn backfill(&self, ask: BackfillAsk) -> Answer<'_, Option<BackfillCount>> {
        Box::pin(self.backfill_in_each(ask))
    }

    fn sinks(&self) -> Answer<'_, Vec<SinkRow>> {
        Box::pin(async move {
            let mut sinks = BTreeMap::<String, SinkRow>::new();
            let read = || self.values(|storage| storage.delivery_queue.sinks());
            let lists = self.by_one_map(read).await?;
            for sink in lists.into_iter().flatten() {
                let known = sinks.remove(&sink.name);
                let sink = known.map_or_else(|| sink.clone(), |known| known.and(sink.clone()));
                sinks.insert(sink.name.clone(), sink);
            }
            Ok(sinks.into_values().collect())
        })
    }

    /// The event is in one database. While it is being moved it may be in two, of which both have
    /// all steps.
    fn steps(&self, event: RowId) -> Answer<'_, Vec<DeliveryStep>> {
        Box::pin(async move {
            let read = || self.values(move |storage| storage.delivery_queue.steps(event));
            let lists = self.by_one_map(read).await?;
            Ok(lists.into_iter().max_by_key(Vec::len).unwrap_or_default())
        })
    }

    fn queued(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }
}

impl RetryCount {
    fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, is_more: self.is_more || other.is_more }
    }
}

impl SinkRow {
    /// The same sink in two databases. It is paused, stopped or resting if it is in one of them.
    fn and(self, other: Self) -> Self {
        let least = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        Self {
            name: self.name,
            kind: self.kind,
            is_configured: self.is_configured || other.is_configured,
            paused_ms: least(self.paused_ms, other.paused_ms),
            stopped: self.stopped.or(other.stopped),
            rests: self.rests.max(other.rests),
            waiting: self.waiting + other.waiting,
            oldest_ms: least(self.oldest_ms, other.oldest_ms),
            failing: self.failing + other.failing,
            sent: self.sent + other.sent,
            dead: self.dead + other.dead,
            dropped: self.dropped + other.dropped,
            discarded: self.discarded + other.discarded,
        }
    }
}
