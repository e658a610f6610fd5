//! The queues of payloads, one in each database.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use futures_util::future::{join_all, select_all};

use super::{Shard, Shards};
use crate::store::bucket::{bucket_of_payload, bucket_of_producer};
use crate::store::{
    Answer, Backlog, DiscardedSums, ExhaustedPayload, FailedPayload, Lease, LeaseAsk,
    LeasedPayload, NewPayload, PayloadId, PayloadQueue, PayloadState, SetAsidePayload,
    SetAsideSums, StreamBacklog, Ticket, Unprocessed, UnprocessedPayload, WorkerSlot,
};

impl Shards {
    /// The database that keeps a payload.
    fn home(&self, payload: &NewPayload) -> u16 {
        let bucket = match payload.home {
            Some(producer) => bucket_of_producer(producer),
            None => bucket_of_payload(payload.metadata.id),
        };
        self.owner(bucket)
    }
}

impl PayloadQueue for Shards {
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()> {
        Box::pin(async move {
            let shard = self.numbered(self.home(&payload)).ok_or_else(Shard::down)?;
            shard.storage.payload_queue.stage(payload).await
        })
    }

    fn stage_all(&self, payloads: Vec<NewPayload>) -> Answer<'_, ()> {
        let mut parts = BTreeMap::<u16, Vec<NewPayload>>::new();
        for payload in payloads {
            parts.entry(self.home(&payload)).or_default().push(payload);
        }
        Box::pin(async move {
            let staging = parts.into_iter().map(|(number, payloads)| async move {
                let shard = self.numbered(number).ok_or_else(Shard::down)?;
                shard.storage.payload_queue.stage_all(payloads).await
            });
            join_all(staging).await.into_iter().collect()
        })
    }

    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>> {
        Box::pin(self.lease_payloads(ask))
    }

    fn settle(&self, lease: Lease, tickets: Vec<Ticket>, now_ms: i64) -> Answer<'_, ()> {
        Box::pin(self.end_leased(
            tickets,
            |ticket| ticket,
            move |storage, tickets| storage.payload_queue.settle(lease, tickets, now_ms),
        ))
    }

    fn release(&self, lease: Lease, failed: Vec<FailedPayload>, now_ms: i64) -> Answer<'_, ()> {
        Box::pin(self.end_leased(
            failed,
            |failed| &mut failed.ticket,
            move |storage, failed| storage.payload_queue.release(lease, failed, now_ms),
        ))
    }

    fn set_aside(
        &self,
        lease: Lease,
        exhausted: Vec<ExhaustedPayload>,
        now_ms: i64,
    ) -> Answer<'_, ()> {
        Box::pin(self.end_leased(
            exhausted,
            |exhausted| &mut exhausted.ticket,
            move |storage, exhausted| storage.payload_queue.set_aside(lease, exhausted, now_ms),
        ))
    }

    fn list_set_aside(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        Box::pin(async move {
            let list = self.values(|it| it.payload_queue.list_set_aside(after, limit)).await?;
            Ok(by_id(list, limit))
        })
    }

    fn list_discarded(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        Box::pin(async move {
            let list = self.values(|it| it.payload_queue.list_discarded(after, limit)).await?;
            Ok(by_id(list, limit))
        })
    }

    fn discard(&self, id: PayloadId, now_ms: i64) -> Answer<'_, bool> {
        Box::pin(self.change(move |storage| storage.payload_queue.discard(id, now_ms)))
    }

    fn restore(&self, id: PayloadId) -> Answer<'_, bool> {
        Box::pin(self.change(move |storage| storage.payload_queue.restore(id)))
    }

    fn state(&self, id: PayloadId) -> Answer<'_, Option<PayloadState>> {
        Box::pin(self.find(move |storage| storage.payload_queue.state(id)))
    }

    fn unprocessed(&self, payloads_max: u32, unpacked_bytes_max: u64) -> Answer<'_, Unprocessed> {
        Box::pin(async move {
            let lists = self.values(|storage| {
                storage.payload_queue.unprocessed(payloads_max, unpacked_bytes_max)
            });
            let mut all = Unprocessed::default();
            for Unprocessed { payloads, has_more } in lists.await? {
                all.payloads.extend(payloads);
                all.has_more |= has_more;
            }
            all.limit(payloads_max, unpacked_bytes_max);
            Ok(all)
        })
    }

    fn retry(&self, id: PayloadId, due_ms: i64) -> Answer<'_, bool> {
        Box::pin(self.change(move |storage| storage.payload_queue.retry(id, due_ms)))
    }

    fn backlog(&self) -> Answer<'_, Backlog> {
        Box::pin(async move {
            // What waits in the stream for a shard that is down is known without that shard. It is
            // read first, so that a payload that moves on meanwhile is counted twice, not missed.
            let stream = self.in_stream().await?;
            let backlogs = self.values(|storage| storage.payload_queue.backlog()).await?;
            let backlog = backlogs.into_iter().fold(Backlog::default(), Backlog::and);
            let oldest_ms = stream.and_then(|stream| stream.oldest_ms);
            let oldest_ms = [backlog.oldest_ms, oldest_ms].into_iter().flatten().min();
            Ok(Backlog { oldest_ms, stream, ..backlog })
        })
    }

    fn in_stream(&self) -> Answer<'_, Option<StreamBacklog>> {
        Box::pin(async move {
            let streams = self.all.iter().map(|shard| shard.storage.payload_queue.in_stream());
            let streams = join_all(streams).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            Ok(streams.into_iter().flatten().reduce(|one, other| one.and(&other)))
        })
    }

    fn workers_min(&self) -> u32 {
        self.all.iter().map(|shard| shard.storage.payload_queue.workers_min()).sum()
    }

    fn workers_max(&self) -> u32 {
        self.all.iter().map(|shard| shard.storage.payload_queue.workers_max()).sum()
    }

    fn staged(&self, worker: WorkerSlot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let places = self.places(worker).into_iter();
        let staged: Vec<_> =
            places.map(|(shard, slot)| shard.storage.payload_queue.staged(slot)).collect();
        Box::pin(async move {
            select_all(staged).await;
        })
    }
}

/// The first of several lists, by id.
fn by_id(lists: Vec<Vec<SetAsidePayload>>, limit: u32) -> Vec<SetAsidePayload> {
    let mut all: Vec<_> = lists.into_iter().flatten().collect();
    all.sort_by_key(|payload| payload.metadata.id);
    all.truncate(limit as usize);
    all
}

impl Backlog {
    /// What waits in two queues.
    fn and(self, other: Self) -> Self {
        let least = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        let (aside, other_aside) = (self.set_aside, other.set_aside);
        Self {
            payloads: self.payloads + other.payloads,
            events: self.events + other.events,
            oldest_ms: least(self.oldest_ms, other.oldest_ms),
            failing: self.failing + other.failing,
            last_error: self.last_error.or(other.last_error),
            set_aside: SetAsideSums {
                payloads: aside.payloads + other_aside.payloads,
                events: aside.events + other_aside.events,
                oldest_ms: least(aside.oldest_ms, other_aside.oldest_ms),
            },
            discarded: DiscardedSums {
                payloads: self.discarded.payloads + other.discarded.payloads,
                events: self.discarded.events + other.discarded.events,
            },
            stream: [self.stream, other.stream].into_iter().flatten().reduce(|a, b| a.and(&b)),
        }
    }
}

impl Unprocessed {
    /// Leaves out what is beyond the limits: the oldest of those that were never tried, first.
    fn limit(&mut self, payloads_max: u32, unpacked_bytes_max: u64) {
        let is_fresh =
            |it: &UnprocessedPayload| matches!(it.state, PayloadState::Waiting { attempts: 0, .. });
        let id = |it: &UnprocessedPayload| it.payload.metadata.id;
        self.payloads.sort_by_key(|it| (is_fresh(it), std::cmp::Reverse(id(it))));
        let mut bytes = 0_u64;
        let fits = |(at, it): (usize, &UnprocessedPayload)| {
            bytes += u64::from(it.payload.metadata.unpacked_bytes);
            at == 0 || (at < payloads_max as usize && bytes <= unpacked_bytes_max)
        };
        let fitting = self.payloads.iter().enumerate().map(fits).take_while(|fits| *fits).count();
        self.has_more |= fitting < self.payloads.len();
        self.payloads.truncate(fitting);
    }
}
