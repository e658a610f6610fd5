//! Leases of payloads: a ticket says which database has the payload.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::pages::merged;
use super::{Shard, Shards};
use crate::store::{
    Answer, LeaseAsk, LeasedPayload, PayloadId, Storage, StoreError, Ticket, WorkerSlot,
};

/// How many bytes of a ticket say which database has the payload, and which payload it is.
const SHARD_BYTES: usize = size_of::<u16>();
const PAYLOAD_BYTES: usize = 16;

/// What a ticket says.
pub(super) struct Named {
    pub(super) shard: u16,
    pub(super) payload: PayloadId,
    /// The ticket of the database.
    pub(super) ticket: Ticket,
}

impl Named {
    fn into_ticket(self) -> Ticket {
        let mut name = self.shard.to_be_bytes().to_vec();
        name.extend_from_slice(self.payload.0.as_bytes());
        name.extend_from_slice(self.ticket.name());
        Ticket::new(&name)
    }

    fn read(ticket: &Ticket) -> Option<Self> {
        let (shard, rest) = ticket.name().split_first_chunk::<SHARD_BYTES>()?;
        let (payload, rest) = rest.split_first_chunk::<PAYLOAD_BYTES>()?;
        Some(Self {
            shard: u16::from_be_bytes(*shard),
            payload: PayloadId(uuid::Uuid::from_bytes(*payload)),
            ticket: Ticket::new(rest),
        })
    }
}

/// Leased work of each database, and which payloads it is about.
type ByShard<T> = BTreeMap<u16, (Vec<PayloadId>, Vec<T>)>;

/// Leased work by the database that has it.
///
/// # Errors
/// [`StoreError::LeaseLost`], if a ticket is of another backend.
pub(super) fn by_shard<T>(
    work: Vec<T>,
    ticket: impl Fn(&mut T) -> &mut Ticket,
) -> Result<ByShard<T>, StoreError> {
    let mut shards = ByShard::<T>::new();
    for mut piece in work {
        let its = ticket(&mut piece);
        let named = Named::read(its).ok_or(StoreError::LeaseLost)?;
        *its = named.ticket;
        let (payloads, pieces) = shards.entry(named.shard).or_default();
        payloads.push(named.payload);
        pieces.push(piece);
    }
    Ok(shards)
}

impl Shards {
    /// Where a worker works, and as which worker there.
    pub(super) fn places(&self, worker: WorkerSlot) -> Vec<(&Shard, WorkerSlot)> {
        let places = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let places = worker.places(places).into_iter();
        places.filter_map(|(at, slot)| Some((self.all.get(at as usize)?, slot))).collect()
    }

    /// Leases from each database in which the worker works. One that is down has none.
    ///
    /// # Errors
    /// [`StoreError`], if no database gives any and one has failed.
    pub(super) async fn lease_payloads(
        &self,
        ask: LeaseAsk,
    ) -> Result<Vec<LeasedPayload>, StoreError> {
        let mut places = self.places(ask.worker);
        let (mut lists, mut failure) = (Vec::with_capacity(places.len()), None);
        let (mut payloads, mut bytes) = (ask.payloads_max, ask.unpacked_bytes_max);
        // The first round gives each its share, the second what others have left.
        for round in 0..2 {
            // Only those that gave something may have more.
            let mut givers = Vec::with_capacity(places.len());
            for (at, (shard, worker)) in places.iter().enumerate() {
                let sharers = if round == 0 { places.len() - at } else { 1 };
                let sharers = u32::try_from(sharers).unwrap_or(1);
                let payloads_max = payloads.div_ceil(sharers);
                if payloads_max == 0 || bytes == 0 {
                    break;
                }
                let unpacked_bytes_max = bytes.div_ceil(u64::from(sharers));
                let ask = LeaseAsk { worker: *worker, payloads_max, unpacked_bytes_max, ..ask };
                match shard.write(|storage| storage.payload_queue.lease(ask)).await {
                    Ok(leased) => {
                        payloads = payloads.saturating_sub(count(&leased));
                        bytes = bytes.saturating_sub(bytes_of(&leased));
                        if !leased.is_empty() {
                            givers.push((*shard, *worker));
                        }
                        lists.push(self.named(shard, leased, ask));
                    }
                    Err(error) => failure = Some(error),
                }
            }
            // A worker with one database has had the whole limit.
            places = if places.len() > 1 { givers } else { Vec::new() };
        }
        // Those that were tried before come first, then the oldest.
        let leased = merged(lists, |it| (it.attempts == 0, it.metadata.id));
        match failure {
            Some(failure) if leased.is_empty() => Err(failure),
            _ => Ok(leased),
        }
    }

    /// The payloads of one database, with tickets that say so.
    fn named(
        &self,
        shard: &Shard,
        mut leased: Vec<LeasedPayload>,
        ask: LeaseAsk,
    ) -> Vec<LeasedPayload> {
        let times = (ask.now_ms, ask.now_ms.saturating_add(ask.lease_ms));
        self.homes.lease(shard.number, leased.iter().map(|it| it.metadata.id), times);
        for LeasedPayload { ticket, metadata, .. } in &mut leased {
            let named = Named { shard: shard.number, payload: metadata.id, ticket: ticket.clone() };
            *ticket = named.into_ticket();
        }
        leased
    }

    /// Ends work in each database that has some of it.
    ///
    /// # Errors
    /// [`StoreError`], of the first that failed.
    pub(super) async fn end_leased<T>(
        &self,
        work: Vec<T>,
        ticket: impl Fn(&mut T) -> &mut Ticket,
        end: impl Fn(&Storage, Vec<T>) -> Answer<'_, ()>,
    ) -> Result<(), StoreError> {
        let ending = by_shard(work, ticket)?.into_iter().map(|(number, (payloads, pieces))| {
            let end = &end;
            async move {
                let shard = self.numbered(number).ok_or(StoreError::LeaseLost)?;
                end(&shard.storage, pieces).await?;
                self.homes.end(payloads);
                Ok(())
            }
        });
        join_all(ending).await.into_iter().collect()
    }
}

fn count(leased: &[LeasedPayload]) -> u32 {
    u32::try_from(leased.len()).unwrap_or(u32::MAX)
}

fn bytes_of(leased: &[LeasedPayload]) -> u64 {
    leased.iter().map(|it| u64::from(it.metadata.unpacked_bytes)).sum()
}
