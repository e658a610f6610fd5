//! The connections that are open: how many each client may have, and which one gives way to a new
//! one.
//!
//! A connection that waits for a request gives way, the longest waiting one first. So neither
//! clients that keep connections open nor clients that never finish the head of a request can keep
//! others out.
//!
//! A connection of HTTP/2 may have many requests at a time. All but the first count like further
//! connections, so that nobody gets more requests at a time than with HTTP/1.1.

#[cfg(test)]
mod tests;

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
        let extra = if busy.is_first {
            None
        } else {
            let extra = self.connections.try_extra(self.peer, self.connection.address);
            Some(extra.map_err(NotCounted::TooMany)?)
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
