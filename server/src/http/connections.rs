//! The connections that are open: how many each client may have, and which one gives way to a new
//! one.
//!
//! A connection that waits for a request gives way, the longest waiting one first. So neither
//! clients that keep connections open nor clients that never finish the head of a request can keep
//! others out.
//!
//! A connection of HTTP/2 may have many requests at a time. All but the first count like further
//! connections, so that nobody gets more requests at a time than with HTTP/1.1.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::client_address::{ClientAddress, ClientAddresses, is_local};
use super::connection::{Busy, Connection, SEARCH_EVERY, WAITED_MIN, Waiting};

/// The share of one client's address, and of an address that many clients may have, in eighths.
const EIGHTHS_OF_ONE: usize = 1;
const EIGHTHS_OF_MANY: usize = 6;
/// Connections that every address may have, however low the limit on all of them is.
const ADDRESS_MIN: usize = 32;

/// All open connections.
#[derive(Debug)]
pub(super) struct Connections {
    places_max: usize,
    addresses: Arc<ClientAddresses>,
    epoch: Instant,
    table: Mutex<Table>,
    /// A connection has ended.
    ended: Notify,
}

#[derive(Debug, Default)]
struct Table {
    next_id: u64,
    open: HashMap<u64, Arc<Connection>>,
    by_address: HashMap<ClientAddress, OfAddress>,
    waiting: Waiting,
    /// Requests that count like connections.
    extra_requests: usize,
}

#[derive(Debug, Default)]
struct OfAddress {
    open: HashMap<u64, Arc<Connection>>,
    waiting: Waiting,
    /// Requests that count like connections.
    extra_requests: usize,
}

impl OfAddress {
    fn count(&self) -> usize {
        self.open.len() + self.extra_requests
    }
}

/// A place among the open connections, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    pub(super) connection: Arc<Connection>,
    peer: IpAddr,
}

/// A request that is being answered, and counts, until this is dropped.
#[derive(Debug)]
pub(super) struct CountedRequest {
    _busy: Busy,
    _extra: Option<ExtraRequest>,
}

/// A request of a connection that was answering another one when it began.
#[derive(Debug)]
struct ExtraRequest {
    connections: Arc<Connections>,
    address: ClientAddress,
}

impl Drop for ExtraRequest {
    fn drop(&mut self) {
        let mut table = self.connections.table();
        table.extra_requests = table.extra_requests.saturating_sub(1);
        if let Some(of_address) = table.by_address.get_mut(&self.address) {
            of_address.extra_requests = of_address.extra_requests.saturating_sub(1);
        }
        table.forget_unused(self.address);
        drop(table);
        self.connections.ended.notify_one();
    }
}

/// A request cannot be answered.
#[derive(Debug)]
pub(super) enum NotCounted {
    /// Its connection has given way to a new one.
    GaveWay,
    /// Its client has too many at a time.
    TooMany(TooMany),
}

impl Place {
    /// A request has arrived on the connection.
    pub(super) fn begin(&self) -> Result<CountedRequest, NotCounted> {
        let busy = self.connection.begin().ok_or(NotCounted::GaveWay)?;
        let extra = match busy.is_first {
            true => None,
            false => {
                let extra = self.connections.try_extra(self.peer, self.connection.address);
                Some(extra.map_err(NotCounted::TooMany)?)
            }
        };
        Ok(CountedRequest { _busy: busy, _extra: extra })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connection.end();
        self.connections.table().remove(&self.connection);
        self.connections.ended.notify_one();
    }
}

impl Table {
    fn remove(&mut self, connection: &Connection) {
        self.open.remove(&connection.id);
        if let Some(of_address) = self.by_address.get_mut(&connection.address) {
            of_address.open.remove(&connection.id);
        }
        self.forget_unused(connection.address);
    }

    fn forget_unused(&mut self, address: ClientAddress) {
        if self.by_address.get(&address).is_some_and(|it| it.count() == 0) {
            self.by_address.remove(&address);
        }
    }

    /// Makes room for one more of an address. `false` if there is none.
    fn make_room(
        &mut self,
        address: ClientAddress,
        limit: usize,
        places_max: usize,
        epoch: Instant,
    ) -> Result<bool, TooMany> {
        if let Some(of_address) = self.by_address.get_mut(&address)
            && of_address.count() >= limit
        {
            let closed = of_address.waiting.close_one(&of_address.open, epoch);
            let closed = closed.ok_or(TooMany { address, connections_max: limit })?;
            self.remove(&closed);
        }
        if self.open.len() + self.extra_requests >= places_max {
            let Some(closed) = self.waiting.close_one(&self.open, epoch) else {
                return Ok(false);
            };
            self.remove(&closed);
        }
        Ok(true)
    }
}

/// An address has as many connections and requests at a time as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany {
    pub(super) address: ClientAddress,
    pub(super) connections_max: usize,
}

impl TooMany {
    /// When another one may be possible: a connection gives way so soon after its request was
    /// answered.
    pub(super) fn retry_after_s() -> u32 {
        u32::try_from(WAITED_MIN.as_secs()).unwrap_or(1).max(1)
    }
}

impl Connections {
    pub(super) fn new(places_max: usize, addresses: Arc<ClientAddresses>) -> Arc<Self> {
        Arc::new(Self {
            places_max,
            addresses,
            epoch: Instant::now(),
            table: Mutex::default(),
            ended: Notify::new(),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections `peer` may have. The clients of a trusted proxy share its address.
    fn limit(&self, peer: IpAddr) -> usize {
        if self.addresses.is_trusted(peer) {
            return usize::MAX;
        }
        let eighths = if is_local(peer) { EIGHTHS_OF_MANY } else { EIGHTHS_OF_ONE };
        (self.places_max / 8 * eighths).max(ADDRESS_MIN).min(self.places_max)
    }

    /// A place for a new connection from `peer`. If all are taken, the connection that has waited
    /// for a request for the longest time is closed. If none waits, this one waits for the first
    /// that ends.
    ///
    /// # Errors
    /// [`TooMany`], when the address has too many connections and all of them are in use.
    pub(super) async fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Place, TooMany> {
        let address = ClientAddress::of(peer);
        let limit = self.limit(peer);
        loop {
            let ended = self.ended.notified();
            if let Some(place) = self.try_admit(peer, address, limit)? {
                return Ok(place);
            }
            // A time-out means that another connection may have waited for long enough by now.
            let _ = tokio::time::timeout(SEARCH_EVERY, ended).await;
        }
    }

    fn try_admit(
        self: &Arc<Self>,
        peer: IpAddr,
        address: ClientAddress,
        limit: usize,
    ) -> Result<Option<Place>, TooMany> {
        let mut table = self.table();
        self.warn_at_limit(&table, peer, limit);
        if !table.make_room(address, limit, self.places_max, self.epoch)? {
            return Ok(None);
        }
        let connection = Arc::new(Connection::new(table.next_id, address, self.epoch));
        table.next_id += 1;
        table.open.insert(connection.id, Arc::clone(&connection));
        let of_address = table.by_address.entry(address).or_default();
        of_address.open.insert(connection.id, Arc::clone(&connection));
        Ok(Some(Place { connections: Arc::clone(self), connection, peer }))
    }

    /// Counts a request like a connection. It cannot wait for a place, because its connection has
    /// other requests.
    fn try_extra(
        self: &Arc<Self>,
        peer: IpAddr,
        address: ClientAddress,
    ) -> Result<ExtraRequest, TooMany> {
        let limit = self.limit(peer);
        let mut table = self.table();
        self.warn_at_limit(&table, peer, limit);
        if !table.make_room(address, limit, self.places_max, self.epoch)? {
            return Err(TooMany { address, connections_max: self.places_max });
        }
        table.extra_requests += 1;
        table.by_address.entry(address).or_default().extra_requests += 1;
        Ok(ExtraRequest { connections: Arc::clone(self), address })
    }

    fn warn_at_limit(&self, table: &Table, peer: IpAddr, limit: usize) {
        let of_address = table.by_address.get(&ClientAddress::of(peer));
        if is_local(peer) && of_address.is_some_and(|it| it.count() >= limit) {
            self.addresses.warn_of_untrusted(peer, "it has as many connections as it may have");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::proxies::TrustedProxies;

    const LIMIT: usize = 512;

    fn connections(trusted: &str) -> Arc<Connections> {
        let proxies = TrustedProxies::new(vec![trusted.parse().unwrap()]);
        Connections::new(LIMIT, Arc::new(ClientAddresses::new(proxies)))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The place of a connection that is admitted at once.
    async fn admit(connections: &Arc<Connections>, peer: &str) -> Option<Place> {
        let admitted = connections.admit(address(peer));
        tokio::time::timeout(Duration::from_millis(1), admitted).await.ok()?.ok()
    }

    fn is_closed(place: &Place) -> bool {
        place.connection.is_closed()
    }

    async fn wait_ms(ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_has_at_most_its_share_of_busy_connections() {
        for (peer, limit) in [
            ("203.0.113.9", LIMIT / 8),
            ("2001:db8::1", LIMIT / 8),
            ("127.0.0.1", LIMIT / 8 * 6),
            ("10.9.9.9", LIMIT),
        ] {
            let connections = connections("10.0.0.0/8");
            let mut held = Vec::new();
            for _ in 0..limit {
                let place = admit(&connections, peer).await.unwrap();
                held.push((place.connection.begin().unwrap(), place));
            }
            wait_ms(5_000).await;
            assert!(admit(&connections, peer).await.is_none(), "{peer}");
            if limit < LIMIT {
                assert!(admit(&connections, "203.0.113.77").await.is_some(), "others may connect");
            }
            held.pop();
            assert!(admit(&connections, peer).await.is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_addresses_of_one_ipv6_network_share_a_limit() {
        let connections = connections("10.0.0.0/8");
        let mut held = Vec::new();
        for number in 0..LIMIT / 8 {
            let place = admit(&connections, &format!("2001:db8::{number:x}")).await.unwrap();
            held.push((place.connection.begin().unwrap(), place));
        }
        let refused = connections.admit(address("2001:db8::ffff")).await.unwrap_err();
        assert_eq!(refused.connections_max, LIMIT / 8);
        assert_eq!(refused.address.to_string(), "2001:db8::/64");
        assert!(admit(&connections, "2001:db8:0:1::1").await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_waiting_connection_gives_way_and_busy_ones_do_not() {
        let connections = connections("10.0.0.0/8");
        let mut places = Vec::new();
        let mut busy = Vec::new();
        for number in 0..LIMIT {
            let place = admit(&connections, &format!("10.0.{}.1", number % 256)).await.unwrap();
            if number % 2 == 0 {
                busy.push(place.connection.begin().unwrap());
            }
            places.push(place);
            wait_ms(1).await;
        }
        assert!(admit(&connections, "203.0.113.9").await.is_none(), "none has waited for 1 s");
        wait_ms(1_000).await;
        assert!(admit(&connections, "203.0.113.9").await.is_some_and(|place| !is_closed(&place)));
        assert!(!is_closed(&places[3]));
        // The connection above has ended, so its place is free.
        let mut late = Vec::new();
        for number in 1..=8 {
            wait_ms(1_000).await;
            late.push(admit(&connections, "203.0.113.9").await.unwrap());
            late.last().unwrap().connection.begin().map(std::mem::forget).unwrap();
            let closed: Vec<usize> = (0..LIMIT).filter(|at| is_closed(&places[*at])).collect();
            assert!(closed.iter().all(|at| at % 2 == 1) && closed.len() <= number, "{closed:?}");
            assert_eq!(closed, (0..closed.len()).map(|at| 2 * at + 1).collect::<Vec<_>>());
        }
        assert!(places.iter().filter(|place| is_closed(place)).count() >= 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_waits_while_all_others_are_busy() {
        let connections = connections("10.0.0.0/8");
        let mut held = Vec::new();
        for _ in 0..LIMIT {
            let place = admit(&connections, "10.0.0.1").await.unwrap();
            held.push((place.connection.begin(), place));
        }
        wait_ms(60_000).await;
        assert!(admit(&connections, "203.0.113.9").await.is_none());
        let late = tokio::spawn({
            let connections = Arc::clone(&connections);
            async move { connections.admit(address("203.0.113.9")).await.is_ok() }
        });
        wait_ms(1_000).await;
        assert!(!late.is_finished());
        held[7].0 = None;
        wait_ms(500).await;
        assert!(!late.is_finished(), "its client may still send another request");
        wait_ms(1_000).await;
        assert!(late.is_finished() && is_closed(&held[7].1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_closed_begins_no_request_and_leaves_nothing() {
        let connections = connections("10.0.0.0/8");
        let mut places = Vec::new();
        for _ in 0..LIMIT {
            places.push(admit(&connections, "10.0.0.1").await.unwrap());
        }
        wait_ms(2_000).await;
        let late = admit(&connections, "10.0.0.1").await.unwrap();
        let closed = places.iter().find(|place| is_closed(place)).unwrap();
        assert!(closed.connection.begin().is_none());
        tokio::time::timeout(Duration::from_millis(1), closed.connection.must_close())
            .await
            .unwrap();
        drop((places, late));
        let table = connections.table();
        assert!(table.open.is_empty() && table.by_address.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_one_connection_count_like_connections() {
        let connections = connections("10.0.0.0/8");
        let place = admit(&connections, "203.0.113.9").await.unwrap();
        let mut open: Vec<_> = (0..LIMIT / 8).map(|_| place.begin().unwrap()).collect();
        assert!(matches!(place.begin(), Err(NotCounted::TooMany(_))));
        wait_ms(5_000).await;
        assert!(admit(&connections, "203.0.113.9").await.is_none());
        let other = admit(&connections, "203.0.113.77").await.unwrap();
        assert!(other.begin().is_ok());
        open.pop();
        open.push(place.begin().unwrap());
        assert!(place.begin().is_err());
        // The requests of other clients may take all places, but no more.
        let trusted = admit(&connections, "10.0.0.1").await.unwrap();
        let begun = (0..LIMIT).map_while(|_| trusted.begin().ok()).collect::<Vec<_>>();
        assert_eq!(begun.len(), LIMIT - LIMIT / 8 - 1);
        drop((begun, open));
        wait_ms(1_001).await;
        assert!(admit(&connections, "203.0.113.9").await.is_some());
        drop((place, trusted, other));
        let table = connections.table();
        assert!(table.open.is_empty() && table.by_address.is_empty());
        assert_eq!(table.extra_requests, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_does_not_give_way_while_one_of_its_requests_is_open() {
        let connections = connections("10.0.0.0/8");
        let place = admit(&connections, "203.0.113.9").await.unwrap();
        let (first, second) = (place.begin().unwrap(), place.begin().unwrap());
        drop(first);
        let mut others = Vec::new();
        for _ in 1..LIMIT / 8 {
            others.push(admit(&connections, "203.0.113.9").await);
        }
        wait_ms(5_000).await;
        others.push(admit(&connections, "203.0.113.9").await);
        assert!(!is_closed(&place));
        drop(second);
        others.clear();
        wait_ms(5_000).await;
        for _ in 0..LIMIT / 8 {
            others.push(admit(&connections, "203.0.113.9").await);
        }
        assert!(is_closed(&place), "it has waited for the longest time");
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_have_ended_make_no_room_a_second_time() {
        let connections = connections("10.0.0.0/8");
        let mut idle = Vec::new();
        for _ in 0..LIMIT / 8 {
            idle.push(admit(&connections, "203.0.113.9").await.unwrap());
        }
        wait_ms(2_000).await;
        // All of them are found, and one of them gives way.
        let mut busy = vec![admit(&connections, "203.0.113.9").await.unwrap()];
        busy[0].connection.begin().map(std::mem::forget);
        idle.clear();
        for _ in 0..LIMIT / 8 {
            let Some(place) = admit(&connections, "203.0.113.9").await else { break };
            place.connection.begin().map(std::mem::forget);
            busy.push(place);
        }
        assert_eq!(busy.len(), LIMIT / 8);
    }
}
