//! Several servers on one database.

use std::sync::Arc;

use lamplight_server::store::{
    DeliveryAsk, DeliveryEnding, DeliveryOrder, EventIdentity, Lease, LeaseToken, LeasedDelivery,
    Opening, Route, SettledDelivery, Settlement, SinkRow, Storage, StoreError, WriterLimits,
    postgres,
};
use lamplight_server::system::supervisor::Supervisor;
use lamplight_wire::event::Kind;

use crate::harness::postgres::{TestDatabase, urls};
use crate::store::sample::{NOW, good, plan, shared};

/// How long the leases of these tests last.
pub(super) const LEASE_MS: i64 = 1_000;

/// A sink that wants every default event.
pub(super) fn route(sink: &str) -> Route {
    let (types, only, except) = (vec![Kind::Default], Vec::new(), Vec::new());
    Route { sink: sink.into(), kind: "file", types, only, except }
}

/// A server on a database.
pub(super) async fn server(database: &TestDatabase, sinks: &[&str]) -> Storage {
    let routes = sinks.iter().map(|sink| route(sink)).collect();
    let (limits, opening) = (WriterLimits::default(), Opening::Serve(routes));
    postgres::open_as(&urls(&database.url), limits, opening, &Supervisor::default()).await.unwrap()
}

/// Stores this many events, each owed to every sink, as the payload with this number.
pub(super) async fn store(storage: &Storage, number: u128, count: usize) {
    let events = vec![(EventIdentity::Anonymous, good("a")); count];
    storage.events.apply(shared([plan(number, events)]), NOW).await.unwrap();
}

/// Asks for a lease of sink `a`, with a new token.
pub(super) fn ask(events_max: u32, now_ms: i64) -> DeliveryAsk {
    static TOKENS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let token = TOKENS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    DeliveryAsk {
        sink: Arc::from("a"),
        token: LeaseToken(u128::from(token)),
        now_ms,
        lease_ms: LEASE_MS,
        events_max,
        bytes_max: 1 << 30,
        order: DeliveryOrder::Shared,
    }
}

/// Leases deliveries of sink `a`.
pub(super) async fn lease(
    storage: &Storage,
    events_max: u32,
    now_ms: i64,
) -> (Lease, Vec<LeasedDelivery>) {
    storage.delivery_queue.lease(ask(events_max, now_ms)).await.unwrap()
}

/// Settles deliveries of sink `a`.
pub(super) async fn settle(
    storage: &Storage,
    (lease, leased): (Lease, Vec<LeasedDelivery>),
    ending: &DeliveryEnding,
    now_ms: i64,
) -> Result<(), StoreError> {
    let settled =
        |it: LeasedDelivery| SettledDelivery { ticket: it.ticket, ending: ending.clone() };
    let deliveries = leased.into_iter().map(settled).collect();
    let (sink, condition) = (Arc::from("a"), None);
    let settlement = Settlement { sink, lease, deliveries, condition, now_ms };
    storage.delivery_queue.settle(settlement).await
}

/// The row of sink `a`.
pub(super) async fn sink(storage: &Storage) -> SinkRow {
    let sinks = storage.delivery_queue.sinks().await.unwrap();
    sinks.into_iter().find(|sink| sink.name == "a").unwrap()
}
