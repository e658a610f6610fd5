//! The delivery queue.

pub(crate) mod dead_letters;
pub(crate) mod leases;
pub(crate) mod log;
mod outdated;
pub(crate) mod queue;
pub(crate) mod routed;
pub(crate) mod sink_list;
pub(crate) mod sinks;

use std::sync::Arc;

use tokio::sync::watch;

use super::read::event_row;
use super::shards::gate::{self, Gate};
use super::store::PostgresStore;
use super::tallies;
use crate::store::tally::settlement_change;
use crate::store::{
    Answer, BackfillAsk, BackfillCount, DeadLetter, DeadLetterQuery, DeliveryAsk, DeliveryQueue,
    DeliveryStep, DeliveryTicket, DiscardAsk, Lease, LeasedDelivery, RetryAsk, RetryCount, RowId,
    Settlement, SinkRow, StoreError,
};

impl PostgresStore {
    /// Reads the events of leased deliveries.
    async fn read_leased(
        &self,
        tickets: Vec<DeliveryTicket>,
    ) -> Result<Vec<LeasedDelivery>, StoreError> {
        let read = self.database.read("read leased deliveries", move |snapshot| {
            Box::pin(async move {
                let ids: Vec<RowId> = tickets.iter().map(DeliveryTicket::event).collect();
                let mut rows = event_row::by_ids(snapshot, &ids).await?;
                outdated::mark(snapshot, rows.values_mut()).await?;
                // Without a row, retention has removed the event.
                let delivery = |ticket: DeliveryTicket| {
                    let row = rows.remove(&ticket.event);
                    LeasedDelivery { ticket, row }
                };
                Ok(tickets.into_iter().map(delivery).collect())
            })
        });
        read.await
    }
}

impl DeliveryQueue for PostgresStore {
    fn lease(&self, ask: DeliveryAsk) -> Answer<'_, (Lease, Vec<LeasedDelivery>)> {
        let (lease, ask) = (ask.lease(), Arc::new(ask));
        let (routes, asked) = (self.routes.clone(), Arc::clone(&ask));
        Box::pin(async move {
            let taken = self.database.transact("lease deliveries", move |transaction| {
                let (routes, ask) = (routes.clone(), Arc::clone(&asked));
                Box::pin(async move {
                    let sink = routes.number(transaction, &ask.sink).await?;
                    let Some(sink) = sink else { return Ok(None) };
                    Ok(Some((sink, queue::lease(transaction, sink, &ask).await?)))
                })
            });
            let Some((sink, tickets)) = taken.await?.filter(|(_, tickets)| !tickets.is_empty())
            else {
                return Ok((lease, Vec::new()));
            };
            self.leases.hold(sink, lease, tickets.len(), ask.now_ms);
            Ok((lease, self.read_leased(tickets).await?))
        })
    }

    fn settle(&self, settlement: Settlement) -> Answer<'_, ()> {
        let settlement = Arc::new(settlement);
        let (routes, memory) = (self.routes.clone(), Arc::clone(&self.tallies));
        Box::pin(async move {
            let (lease, count) = (settlement.lease, settlement.deliveries.len());
            if settlement.now_ms >= lease.until_ms {
                return Err(StoreError::LeaseLost);
            }
            let settled = self.database.transact("settle deliveries", move |transaction| {
                let (settlement, routes) = (Arc::clone(&settlement), routes.clone());
                let memory = Arc::clone(&memory);
                Box::pin(async move {
                    let sink = routes.number(transaction, &settlement.sink).await?;
                    let sink = sink.ok_or(StoreError::LeaseLost)?;
                    queue::settle(transaction, sink, &settlement).await?;
                    let failed = settlement_change(&settlement);
                    if !failed.seen.is_empty() {
                        tallies::add(transaction, &memory, failed).await?;
                    }
                    Ok(())
                })
            });
            settled.await?;
            self.leases.settled(lease, count);
            Ok(())
        })
    }

    fn pause_sink(&self, sink: String, pause: bool, now_ms: i64) -> Answer<'_, bool> {
        let sink = Arc::<str>::from(sink);
        Box::pin(async move {
            let pausing = self.database.transact("pause a sink", move |transaction| {
                let sink = Arc::clone(&sink);
                Box::pin(
                    async move { sinks::pause(transaction, &sink, pause.then_some(now_ms)).await },
                )
            });
            let is_known = pausing.await?;
            self.queued_more();
            Ok(is_known)
        })
    }

    fn retry_dead(&self, ask: RetryAsk) -> Answer<'_, RetryCount> {
        if ask.dry_run {
            return Box::pin(self.database.read("count dead letters", move |snapshot| {
                Box::pin(async move { dead_letters::retry(snapshot, &ask).await })
            }));
        }
        let ask = Arc::new(ask);
        Box::pin(async move {
            let retrying = self.database.transact("retry dead letters", move |transaction| {
                let ask = Arc::clone(&ask);
                Box::pin(async move { dead_letters::retry(transaction, &ask).await })
            });
            let count = retrying.await?;
            self.queued_more();
            Ok(count)
        })
    }

    fn discard_dead(&self, ask: DiscardAsk) -> Answer<'_, RetryCount> {
        if ask.letters.dry_run {
            return Box::pin(self.database.read("count dead letters", move |snapshot| {
                Box::pin(async move { dead_letters::discard(snapshot, &ask).await })
            }));
        }
        let ask = Arc::new(ask);
        Box::pin(self.database.transact("discard dead letters", move |transaction| {
            let ask = Arc::clone(&ask);
            Box::pin(async move { dead_letters::discard(transaction, &ask).await })
        }))
    }

    fn dead_letters(&self, query: DeadLetterQuery) -> Answer<'_, Vec<DeadLetter>> {
        Box::pin(self.database.read("list dead letters", move |snapshot| {
            Box::pin(async move { dead_letters::page(snapshot, &query).await })
        }))
    }

    fn backfill(&self, ask: BackfillAsk) -> Answer<'_, Option<BackfillCount>> {
        let found = self.routes.all().iter().enumerate().find(|(_, route)| route.sink == ask.sink);
        let Some((at, route)) = found else { return Box::pin(async { Ok(None) }) };
        let Some(sink) = self.routes.number_at(at) else { return Box::pin(async { Ok(None) }) };
        let (deliveries, routes) = (Arc::new(ask.deliveries(at, route)), self.routes.clone());
        let epoch = self.epoch.known();
        Box::pin(async move {
            let (owed, now_ms) = (Arc::clone(&deliveries), ask.now_ms);
            let added = if ask.dry_run {
                let counting = self.database.read("count a backfill", move |snapshot| {
                    Box::pin(async move { routed::count_new(snapshot, &owed, sink).await })
                });
                counting.await?
            } else {
                let adding = self.database.transact("queue past events", move |transaction| {
                    let (owed, routes) = (Arc::clone(&owed), routes.clone());
                    Box::pin(async move {
                        Gate::take(transaction, epoch).await?;
                        gate::refuse_while_moving(transaction).await?;
                        routed::add(transaction, &owed, &routes, now_ms, now_ms.max(1)).await
                    })
                });
                adding.await?
            };
            if added.queued > 0 && !ask.dry_run {
                self.queued_more();
            }
            let [queued, private] = [added.queued, added.dropped].map(i64::unsigned_abs);
            Ok(Some(ask.count(&deliveries, queued, private)))
        })
    }

    fn sinks(&self) -> Answer<'_, Vec<SinkRow>> {
        Box::pin(self.database.read("read the sinks", |snapshot| {
            Box::pin(async move { sink_list::all(snapshot).await })
        }))
    }

    fn steps(&self, event: RowId) -> Answer<'_, Vec<DeliveryStep>> {
        Box::pin(self.database.read("trace deliveries", move |snapshot| {
            Box::pin(async move { log::steps(snapshot, event).await })
        }))
    }

    fn queued(&self) -> watch::Receiver<u64> {
        self.notices.queued.subscribe()
    }
}
