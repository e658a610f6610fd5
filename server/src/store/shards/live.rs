//! The live view of several databases. A place has a position in each. So a database that is down
//! holds up no other, and nothing of it is missed: its position stays where it is.

use futures_util::future::join_all;

use super::{Shard, Shards};
use crate::store::{EventFilter, LivePlace, LiveTail, StoreError};

impl Shards {
    /// The current end of each database.
    ///
    /// # Errors
    /// [`StoreError`], if one is down: from its beginning, a viewer would see what is long stored.
    pub(super) async fn end_of_live(&self) -> Result<LivePlace, StoreError> {
        let mut place = LivePlace::default();
        for (shard, end) in self.each(|storage| storage.reader.live_end()).await {
            place.set(shard.number, end?.alone());
        }
        Ok(place)
    }

    /// What was stored after a place. Events of one database are in the order in which they were
    /// stored there.
    ///
    /// # Errors
    /// [`StoreError`], if no database can be read.
    pub(super) async fn live_tail(
        &self,
        filter: EventFilter,
        after: LivePlace,
        limit: u32,
    ) -> Result<LiveTail, StoreError> {
        let reading = self.all.iter().map(|shard| {
            let after = after.in_shard(shard.number).into();
            let tail = shard.storage.reader.live(filter.clone(), after, limit);
            async move { (shard, shard.read(tail).await) }
        });
        let (mut tails, mut failure) = (Vec::new(), None);
        for (shard, tail) in join_all(reading).await {
            match tail {
                Ok(tail) => tails.push((shard, tail)),
                Err(error) if shard.is_missing(&error) => failure = Some(error),
                Err(error) => return Err(error),
            }
        }
        match failure {
            Some(failure) if tails.is_empty() => Err(failure),
            _ => Ok(merged(tails, after, limit as usize)),
        }
    }
}

/// The tails of several databases as one: by the time of receipt, where that leaves each in its
/// order.
fn merged(tails: Vec<(&Shard, LiveTail)>, after: LivePlace, limit: usize) -> LiveTail {
    let mut all = LiveTail { events: Vec::new(), next: after, has_more: false, has_gap: false };
    let mut lists = Vec::with_capacity(tails.len());
    for (shard, tail) in tails {
        all.has_more |= tail.has_more;
        all.has_gap |= tail.has_gap;
        lists.push((shard.number, tail.events.into_iter().peekable(), tail.next.alone()));
    }
    while all.events.len() < limit {
        let heads = lists.iter_mut().filter_map(|(shard, events, _)| {
            let id = events.peek()?.1.id;
            Some((id, (*shard, events)))
        });
        let first = heads.min_by_key(|(id, _)| *id);
        let Some((shard, (place, event))) =
            first.and_then(|(_, (shard, events))| Some((shard, events.next()?)))
        else {
            break;
        };
        all.next.set(shard, place.alone());
        all.events.push((all.next.clone(), event));
    }
    for (shard, mut events, next) in lists {
        if events.peek().is_none() {
            all.next.set(shard, next);
        } else {
            all.has_more = true;
        }
    }
    all
}
