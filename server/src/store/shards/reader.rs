//! Reads: what belongs to one producer or id is read in its database, lists are merged, and counts
//! are added up.

use std::collections::BTreeMap;

use tokio::sync::watch;

use super::pages::MergedPage;
use super::{Shard, Shards};
use crate::store::bucket::{
    bucket_of_client_id, bucket_of_producer, bucket_of_refused, bucket_of_row,
};
use crate::store::shard_map::ShardMap;
use crate::store::{
    Aggregate, AggregateQuery, Answer, EventFilter, EventPage, EventQuery, EventRef, EventTrace,
    LivePlace, LiveTail, Position, ProducerPage, ProducerQuery, Reader, RefusedPage, RefusedQuery,
    SourceTotals, SqlError, SqlQuery, SqlTable, StoreError, Totals,
};

impl Shards {
    async fn event_page(&self, query: EventQuery) -> Result<EventPage, StoreError> {
        if let Some(producer) = query.filter.producer {
            let owner = self.owner(bucket_of_producer(producer));
            let page = self.read_one(owner, |it| it.reader.events(query.clone())).await?;
            return Ok(page.unwrap_or_default());
        }
        let mut merged = MergedPage::new(query.limit);
        let map = self.map_of_read();
        let pages = self.read_all(|it| it.reader.events(query.clone())).await?;
        for (shard, EventPage { mut events, next }) in pages {
            events.retain(|event| is_shown(&map, shard, bucket_of_row(event)));
            let next = next.and_then(|next| match next {
                Position::Row(id) => Some(id),
                Position::Seq(..) => None,
            });
            merged.add(events, next);
        }
        let (events, next) = merged.finish(|event| event.id, |event| event.id);
        Ok(EventPage { events, next: next.map(Position::Row) })
    }

    async fn refused_page(&self, query: RefusedQuery) -> Result<RefusedPage, StoreError> {
        if let Some(producer) = query.producer {
            let owner = self.owner(bucket_of_producer(producer));
            let page = self.read_one(owner, |it| it.reader.refused(query.clone())).await?;
            return Ok(page.unwrap_or_default());
        }
        let mut merged = MergedPage::new(query.limit);
        let map = self.map_of_read();
        let pages = self.read_all(|it| it.reader.refused(query.clone())).await?;
        for (shard, RefusedPage { mut events, next }) in pages {
            events.retain(|event| is_shown(&map, shard, bucket_of_refused(event)));
            merged.add(events, next);
        }
        let (events, next) = merged.finish(|event| event.id, |event| event.id);
        Ok(RefusedPage { events, next })
    }

    async fn producer_page(&self, query: ProducerQuery) -> Result<ProducerPage, StoreError> {
        if let Some(producer) = query.producer {
            let owner = self.owner(bucket_of_producer(producer));
            let page = self.read_one(owner, |it| it.reader.producers(query.clone())).await?;
            return Ok(page.unwrap_or_default());
        }
        let map = self.map_of_read();
        let pages = self.read_all(|it| it.reader.producers(query.clone())).await?;
        let mut looked_to = None;
        let mut producers = Vec::new();
        for (shard, ProducerPage { producers: mut some, next }) in pages {
            some.retain(|row| is_shown(&map, shard, bucket_of_producer(row.producer)));
            producers.extend(some);
            looked_to = looked_to.max(next);
        }
        producers.retain(|row| looked_to.as_ref().is_none_or(|to| row.cursor() >= *to));
        producers.sort_by_cached_key(|row| std::cmp::Reverse(row.cursor()));
        producers.dedup_by(|a, b| (a.producer, a.ledger.scope()) == (b.producer, b.ledger.scope()));
        if producers.len() > query.limit as usize {
            producers.truncate(query.limit as usize);
            looked_to = producers.last().map(crate::store::ProducerRow::cursor);
        }
        Ok(ProducerPage { producers, next: looked_to })
    }
}

/// Whether a row of a database counts. While its bucket moves, two databases may have it.
fn is_shown(map: &ShardMap, shard: &Shard, bucket: i16) -> bool {
    u16::try_from(bucket).is_ok_and(|bucket| map.shows(shard.number, bucket))
}

impl Reader for Shards {
    fn totals(&self, now_ms: i64) -> Answer<'_, Totals> {
        Box::pin(async move {
            let read = || self.values(|storage| storage.reader.totals(now_ms));
            let totals = self.by_one_map(read).await?;
            Ok(totals.into_iter().fold(Totals::default(), Totals::and))
        })
    }

    fn sources(&self) -> Answer<'_, Vec<SourceTotals>> {
        Box::pin(async move {
            let mut sources = BTreeMap::<String, SourceTotals>::new();
            let read = || self.values(|storage| storage.reader.sources());
            for it in self.by_one_map(read).await?.into_iter().flatten() {
                let sum = sources.entry(it.source.clone()).or_default();
                sum.source = it.source;
                sum.producers += it.producers;
                sum.made += it.made;
                sum.received += it.received;
                sum.declared += it.declared;
                sum.missing += it.missing;
            }
            Ok(sources.into_values().collect())
        })
    }

    fn events(&self, query: EventQuery) -> Answer<'_, EventPage> {
        Box::pin(async move { self.by_one_map(|| self.event_page(query.clone())).await })
    }

    fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>> {
        let bucket = match &event {
            EventRef::Number(producer, _) | EventRef::NumberOf(_, producer, _) => {
                Some(bucket_of_producer(*producer))
            }
            EventRef::ClientIdOf(source, id) => Some(bucket_of_client_id(source, id)),
            EventRef::Row(_) | EventRef::ClientId(_) => None,
        };
        let find = move || {
            let event = event.clone();
            async move {
                match bucket {
                    Some(bucket) => {
                        self.read_in(self.owner(bucket), |it| it.reader.event(event)).await
                    }
                    None => self.trace(event).await,
                }
            }
        };
        Box::pin(async move { self.by_one_map(find).await })
    }

    fn refused(&self, query: RefusedQuery) -> Answer<'_, RefusedPage> {
        Box::pin(async move { self.by_one_map(|| self.refused_page(query.clone())).await })
    }

    fn producers(&self, query: ProducerQuery) -> Answer<'_, ProducerPage> {
        Box::pin(async move { self.by_one_map(|| self.producer_page(query.clone())).await })
    }

    fn aggregate(&self, query: AggregateQuery) -> Answer<'_, Aggregate> {
        Box::pin(async move { self.by_one_map(|| self.count_events(query.clone())).await })
    }

    fn sql(&self, query: SqlQuery) -> Answer<'_, Result<SqlTable, SqlError>> {
        Box::pin(self.statement(query))
    }

    fn live_end(&self) -> Answer<'_, LivePlace> {
        Box::pin(self.end_of_live())
    }

    fn live(&self, filter: EventFilter, after: LivePlace, limit: u32) -> Answer<'_, LiveTail> {
        Box::pin(self.live_tail(filter, after, limit))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.stored.subscribe()
    }
}

impl Totals {
    fn and(self, other: Self) -> Self {
        Self {
            made: self.made + other.made,
            received: self.received + other.received,
            stored: self.stored + other.stored,
            removed: self.removed + other.removed,
            duplicates: self.duplicates + other.duplicates,
            invalid: self.invalid + other.invalid,
            in_flight: self.in_flight + other.in_flight,
            declared: self.declared + other.declared,
            lost: self.lost + other.lost,
        }
    }
}
