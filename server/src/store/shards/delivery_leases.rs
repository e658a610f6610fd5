//! Leases of deliveries: a ticket says which database has the delivery.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;

use super::pages::merged;
use super::{Shard, Shards};
use crate::store::{
    DeliveryAsk, DeliveryOrder, DeliveryTicket, Lease, LeasedDelivery, SettledDelivery, Settlement,
    StoreError,
};

/// What the databases have given so far, each in its order.
#[derive(Default)]
struct Taken {
    lists: Vec<Vec<LeasedDelivery>>,
    failure: Option<StoreError>,
}

impl Shards {
    /// Leases from all databases. One that is down has none.
    ///
    /// # Errors
    /// [`StoreError`], if no database gives any and one has failed.
    pub(super) async fn lease_deliveries(
        &self,
        ask: DeliveryAsk,
    ) -> Result<(Lease, Vec<LeasedDelivery>), StoreError> {
        // A delivery that fails by itself is leased alone.
        let orders: &[_] = match ask.order {
            DeliveryOrder::Shared => &[DeliveryOrder::NoneIsolated, DeliveryOrder::OnlyIsolated],
            DeliveryOrder::FreshFirst => &[
                DeliveryOrder::OnlyFresh,
                DeliveryOrder::NoneIsolated,
                DeliveryOrder::OnlyIsolated,
            ],
            DeliveryOrder::IsolatedFirst => {
                &[DeliveryOrder::OnlyIsolated, DeliveryOrder::NoneIsolated]
            }
            other => &[other],
        };
        let (lease, mut taken) = (ask.lease(), Taken::default());
        for order in orders {
            self.take(&DeliveryAsk { order: *order, ..ask.clone() }, &mut taken).await;
            if !taken.lists.is_empty() {
                break;
            }
        }
        match taken.failure {
            Some(failure) if taken.lists.is_empty() => Err(failure),
            // Those that failed before come first, then the longest waiting.
            _ => Ok((
                lease,
                merged(taken.lists, |it| {
                    let DeliveryTicket { attempts, queued_ms, event, .. } = it.ticket;
                    (attempts < 2, queued_ms, event)
                }),
            )),
        }
    }

    /// Takes what is due in one of the databases after the other, each its share of the limits, and
    /// then what others have left.
    async fn take(&self, ask: &DeliveryAsk, taken: &mut Taken) {
        let mut shards = self.in_turn();
        let (mut events, mut bytes) = (ask.events_max, ask.bytes_max);
        for round in 0..2 {
            // Only those that gave something may have more.
            let mut givers = Vec::with_capacity(shards.len());
            for (at, shard) in shards.iter().enumerate() {
                let sharers = if round == 0 { shards.len() - at } else { 1 };
                let sharers = u32::try_from(sharers).unwrap_or(1);
                let is_alone = ask.order == DeliveryOrder::OnlyIsolated && !taken.lists.is_empty();
                if events == 0 || bytes == 0 || is_alone {
                    return;
                }
                let ask = DeliveryAsk {
                    events_max: events.div_ceil(sharers),
                    bytes_max: bytes.div_ceil(u64::from(sharers)),
                    ..ask.clone()
                };
                match shard.write(|storage| storage.delivery_queue.lease(ask)).await {
                    Ok((_, leased)) => {
                        events = events.saturating_sub(count(&leased));
                        bytes = leased
                            .iter()
                            .fold(bytes, |it, one| it.saturating_sub(one.ticket.bytes));
                        if !leased.is_empty() {
                            givers.push(*shard);
                        }
                        taken.add(shard, leased);
                    }
                    Err(error) => taken.failure = Some(error),
                }
            }
            shards = givers;
        }
    }

    /// Records how deliveries ended, in each database that has some of them. A new condition of the
    /// sink holds in all of them.
    ///
    /// # Errors
    /// [`StoreError`], of the first that failed.
    pub(super) async fn settle_deliveries(&self, settlement: Settlement) -> Result<(), StoreError> {
        let Settlement { sink, lease, deliveries, condition, now_ms } = settlement;
        let mut by_shard = BTreeMap::<u16, Vec<SettledDelivery>>::new();
        for settled in deliveries {
            by_shard.entry(settled.ticket.shard).or_default().push(settled);
        }
        let settlement = |deliveries| Settlement {
            sink: Arc::clone(&sink),
            lease,
            deliveries,
            condition: condition.clone(),
            now_ms,
        };
        if by_shard.keys().any(|number| self.numbered(*number).is_none()) {
            return Err(StoreError::LeaseLost);
        }
        let settling = self.all.iter().filter_map(|shard| {
            let deliveries = by_shard.remove(&shard.number);
            let is_wanted = deliveries.is_some() || (condition.is_some() && shard.is_up());
            is_wanted.then(|| {
                let settlement = settlement(deliveries.unwrap_or_default());
                shard.storage.delivery_queue.settle(settlement)
            })
        });
        let settling: Vec<_> = settling.collect();
        join_all(settling).await.into_iter().collect()
    }
}

impl Taken {
    fn add(&mut self, shard: &Shard, mut leased: Vec<LeasedDelivery>) {
        for delivery in &mut leased {
            delivery.ticket.shard = shard.number;
        }
        if !leased.is_empty() {
            self.lists.push(leased);
        }
    }
}

fn count(leased: &[LeasedDelivery]) -> u32 {
    u32::try_from(leased.len()).unwrap_or(u32::MAX)
}
