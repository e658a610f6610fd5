//! The real store, watched: every call passes a gate before and after, may fail, and is held against the laws. Also the
//! ways to get it wrong that the laws must notice.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use lamplight_server::store::{
    Answer, DeliveryAsk, DeliveryEnding, DeliveryQueue, DeliveryStep, DeliveryTicket,
    LeasedDelivery, RetryAsk, RetryCount, RowId, SettledDelivery, Settlement, SinkRow, StoreError,
};
use lamplight_server::store::{Lease, LeaseToken};
use tokio::sync::watch;
use uuid::Uuid;

use crate::deliver::event::SINKS;
use crate::deliver::gates::{Gates, wait};
use crate::deliver::witness::Witness;

/// What every part of a world shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gates: Gates,
    witness: Mutex<Witness>,
}

impl Shared {
    pub(crate) fn new(witness: Witness) -> Self {
        Self { gates: Gates::default(), witness: Mutex::new(witness) }
    }

    pub(crate) fn witness(&self) -> MutexGuard<'_, Witness> {
        self.witness.lock().unwrap()
    }
}

/// A way to get it wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mutant {
    #[default]
    None,
    /// A delivery is settled before it is sent.
    SettlesFirst,
    /// Whoever settles may, whatever lease there is by now.
    AnyLease,
    /// An event that is tried again gets another id.
    FreshIds,
    /// An event that is tried again gets another time.
    FreshTimes,
    /// That an event was tried before is forgotten.
    ForgetsAttempts,
    /// A paused sink gets its deliveries.
    IgnoresPause,
    /// What is replayed gets new rows.
    ReplaysAsNew,
}

/// The store, watched.
pub(crate) struct Watched {
    pub(crate) delivery_queue: Arc<dyn DeliveryQueue>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) mutant: Mutant,
    pub(crate) settled_first: Mutex<HashSet<LeaseToken>>,
}

fn name(sink: &str) -> &'static str {
    SINKS.into_iter().find(|known| *known == sink).unwrap()
}

impl Watched {
    /// Passes a gate. Gives an error in some cases, as if the database had one.
    async fn gate(&self) -> Result<(), StoreError> {
        self.shared.gates.pass().await;
        let mut witness = self.shared.witness();
        let fails = witness.is_rough && witness.chance.percent(3);
        if fails { Err(StoreError::Down { retry_after_s: 1 }) } else { Ok(()) }
    }

    async fn lease_watched(
        &self,
        ask: DeliveryAsk,
    ) -> Result<(Lease, Vec<LeasedDelivery>), StoreError> {
        self.gate().await?;
        let (sink, now_ms) = (name(&ask.sink), ask.now_ms);
        if self.mutant == Mutant::IgnoresPause {
            wait(self.delivery_queue.pause_sink(sink.into(), false, now_ms))?;
        }
        let (lease, mut leased) = wait(self.delivery_queue.lease(ask))?;
        for delivery in &mut leased {
            let (owed, is_there) = ((sink, delivery.ticket.event()), delivery.row.is_some());
            self.shared.witness().leased(owed, lease, now_ms, is_there);
            self.mutate(delivery);
        }
        if self.mutant == Mutant::SettlesFirst && !leased.is_empty() {
            let sent = |it: &LeasedDelivery| SettledDelivery {
                ticket: it.ticket,
                ending: DeliveryEnding::Sent,
            };
            let deliveries = leased.iter().map(sent).collect();
            let settlement =
                Settlement { sink: sink.into(), lease, deliveries, condition: None, now_ms };
            self.settle_now(&settlement)?;
            self.settled_first.lock().unwrap().insert(lease.token);
        }
        self.gate().await?;
        Ok((lease, leased))
    }

    fn mutate(&self, LeasedDelivery { ticket, row }: &mut LeasedDelivery) {
        let Some(row) = row else { return };
        match self.mutant {
            Mutant::FreshIds if ticket.attempts() > 1 => {
                row.id = RowId(Uuid::from_u128(row.id.0.as_u128() ^ u128::from(ticket.attempts())));
            }
            Mutant::FreshTimes => row.time_ms += i64::from(ticket.attempts()),
            Mutant::ForgetsAttempts => {
                let (event, queued_ms) = (ticket.event(), ticket.queued_ms());
                *ticket = DeliveryTicket::new(event, queued_ms, 1, ticket.steps(), ticket.bytes());
            }
            _ => {}
        }
    }

    async fn settle_watched(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.gate().await?;
        if !self.settled_first.lock().unwrap().remove(&settlement.lease.token) {
            self.settle_now(&settlement)?;
        }
        self.gate().await
    }

    fn settle_now(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let sink = name(&settlement.sink);
        let settled = match self.mutant {
            Mutant::AnyLease => self.settle_as_the_holder(settlement),
            _ => wait(self.delivery_queue.settle(settlement.clone())),
        };
        let mut witness = self.shared.witness();
        match &settled {
            Ok(()) => {
                for SettledDelivery { ticket, ending } in &settlement.deliveries {
                    let (owed, is_sent) =
                        ((sink, ticket.event()), matches!(ending, DeliveryEnding::Sent));
                    witness.settled(owed, settlement.lease, settlement.now_ms, is_sent);
                }
            }
            Err(StoreError::LeaseLost) => witness.late += 1,
            Err(_) => {}
        }
        settled
    }

    fn settle_as_the_holder(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let sink = name(&settlement.sink);
        for delivery in &settlement.deliveries {
            let holder = self.shared.witness().holder((sink, delivery.ticket.event()));
            let lease = holder.unwrap_or(settlement.lease);
            let deliveries = vec![delivery.clone()];
            wait(self.delivery_queue.settle(Settlement {
                lease,
                deliveries,
                ..settlement.clone()
            }))?;
        }
        Ok(())
    }
}

impl DeliveryQueue for Watched {
    fn lease(&self, ask: DeliveryAsk) -> Answer<'_, (Lease, Vec<LeasedDelivery>)> {
        Box::pin(self.lease_watched(ask))
    }
    fn settle(&self, settlement: Settlement) -> Answer<'_, ()> {
        Box::pin(self.settle_watched(settlement))
    }
    fn pause_sink(&self, sink: String, pause: bool, now_ms: i64) -> Answer<'_, bool> {
        self.delivery_queue.pause_sink(sink, pause, now_ms)
    }
    fn retry_dead(&self, ask: RetryAsk) -> Answer<'_, RetryCount> {
        self.delivery_queue.retry_dead(ask)
    }
    fn sinks(&self) -> Answer<'_, Vec<SinkRow>> {
        self.delivery_queue.sinks()
    }
    fn steps(&self, event: RowId) -> Answer<'_, Vec<DeliveryStep>> {
        self.delivery_queue.steps(event)
    }
    fn queued(&self) -> watch::Receiver<u64> {
        self.delivery_queue.queued()
    }
}
