//! Which deliveries a worker wants to lease, and how a delivery has failed so far. Pure.

use std::sync::Arc;

use super::fair_share::FairShare;
use super::{Lease, LeaseToken};

/// Which of the deliveries that are due a lease takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeliveryOrder {
    /// Those that failed before keep a quarter of the places.
    #[default]
    Shared,
    /// Those that were never tried, if there are any. For every second probe of a sink that fails,
    /// so that deliveries that always fail do not get every probe.
    FreshFirst,
    /// One that fails by itself ([`DeliveryFailures::is_isolated`]), if one is due.
    IsolatedFirst,
    /// Those that were never tried. Nothing else.
    OnlyFresh,
    /// Those that were never tried, and those that failed with others. Shared as above.
    NoneIsolated,
    /// One that fails by itself. Nothing else.
    OnlyIsolated,
}

/// What a worker wants to lease.
#[derive(Debug, Clone)]
pub struct DeliveryAsk {
    /// The sink.
    pub sink: Arc<str>,
    /// The token of the new lease.
    pub token: LeaseToken,
    /// The current time, in milliseconds since 1970.
    pub now_ms: i64,
    /// How long the lease lasts.
    pub lease_ms: i64,
    /// The largest number of results.
    pub events_max: u32,
    /// The largest number of bytes of events. One event is always leased, whatever its size.
    pub bytes_max: u64,
    /// Which of those that are due it takes.
    pub order: DeliveryOrder,
}

impl DeliveryAsk {
    /// The lease that is asked for.
    pub fn lease(&self) -> Lease {
        Lease { token: self.token, until_ms: self.now_ms.saturating_add(self.lease_ms) }
    }

    /// How many deliveries that were never tried to look for when `retries` are due again.
    pub fn fresh_max(&self, retries: usize) -> usize {
        let is_fresh = matches!(self.order, DeliveryOrder::FreshFirst | DeliveryOrder::OnlyFresh);
        self.share().fresh_max(if is_fresh { 0 } else { retries })
    }

    /// Chooses among what is due: `retries` failed before, `fresh` was never tried, each in the
    /// order in which it has waited. `isolated` fails by itself, so it is leased alone: its failure
    /// then is no failure of others.
    pub fn choose<T>(
        &self,
        mut retries: Vec<T>,
        mut fresh: Vec<T>,
        mut isolated: Option<T>,
        bytes_of: impl Fn(&T) -> u64,
    ) -> Vec<T> {
        match self.order {
            DeliveryOrder::Shared | DeliveryOrder::FreshFirst | DeliveryOrder::IsolatedFirst => {}
            DeliveryOrder::OnlyFresh => (retries, isolated) = (Vec::new(), None),
            DeliveryOrder::NoneIsolated => isolated = None,
            DeliveryOrder::OnlyIsolated => (retries, fresh) = (Vec::new(), Vec::new()),
        }
        let is_turn = self.order == DeliveryOrder::IsolatedFirst;
        if (is_turn || (retries.is_empty() && fresh.is_empty()))
            && let Some(isolated) = isolated
        {
            return vec![isolated];
        }
        if self.order == DeliveryOrder::FreshFirst && !fresh.is_empty() {
            retries.clear();
        }
        self.share().choose(retries, fresh, bytes_of)
    }

    fn share(&self) -> FairShare {
        FairShare { places: self.events_max as usize, bytes_max: self.bytes_max }
    }
}

/// How a delivery has failed since it was queued. It is kept with the delivery, so that a restart
/// changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryFailures {
    /// When it first failed, in milliseconds since 1970. Resuming the sink forgets it.
    pub first_ms: Option<i64>,
    /// When it last failed in a request of its own.
    pub alone_ms: Option<i64>,
    /// How many failures were its own: it failed alone while the sink took others.
    pub own: u32,
}

impl DeliveryFailures {
    /// Whether it fails by itself, so that others must not be sent together with it.
    pub const fn is_isolated(&self) -> bool {
        self.own > 0
    }
}
