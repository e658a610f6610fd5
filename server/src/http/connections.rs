//! The connections that are open: how many each client may have, and which one gives way to a new
//! one.
//!
//! A connection that waits for a request gives way, the longest waiting one first. So neither
//! clients that keep connections open nor clients that never finish the head of a request can keep
//! others out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::client_address::{ClientAddress, ClientAddresses, is_local};
use super::connection::{Connection, SEARCH_EVERY, WAITED_MIN, Waiting};

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
}

#[derive(Debug, Default)]
struct OfAddress {
    open: HashMap<u64, Arc<Connection>>,
    waiting: Waiting,
}

/// A place among the open connections, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    pub(super) connection: Arc<Connection>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.table().remove(&self.connection);
        self.connections.ended.notify_one();
    }
}

impl Table {
    fn remove(&mut self, connection: &Connection) {
        self.open.remove(&connection.id);
        if let Some(of_address) = self.by_address.get_mut(&connection.address) {
            of_address.open.remove(&connection.id);
            if of_address.open.is_empty() {
                self.by_address.remove(&connection.address);
            }
        }
    }
}

/// An address has as many connections as it may have, and is using all of them.
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
        let table = &mut *table;
        if let Some(of_address) = table.by_address.get_mut(&address)
            && of_address.open.len() >= limit
        {
            if is_local(peer) {
                self.addresses.warn_of_untrusted(peer, "it has as many connections as it may have");
            }
            let closed = of_address.waiting.close_one(&of_address.open, self.epoch);
            let closed = closed.ok_or(TooMany { address, connections_max: limit })?;
            table.remove(&closed);
        }
        if table.open.len() >= self.places_max {
            let Some(closed) = table.waiting.close_one(&table.open, self.epoch) else {
                return Ok(None);
            };
            table.remove(&closed);
        }
        let connection = Arc::new(Connection::new(table.next_id, address, self.epoch));
        table.next_id += 1;
        table.open.insert(connection.id, Arc::clone(&connection));
        let of_address = table.by_address.entry(address).or_default();
        of_address.open.insert(connection.id, Arc::clone(&connection));
        Ok(Some(Place { connections: Arc::clone(self), connection }))
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
}
