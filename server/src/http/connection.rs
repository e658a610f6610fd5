//! One open connection, and the search for those that wait for a request.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::client_address::ClientAddress;

/// How long a connection must have waited for a request before it gives way. A client has this
/// much time to send the request for which it has connected.
pub(super) const WAITED_MIN: Duration = Duration::from_secs(1);
/// How often all connections are searched for those that have waited. Each search finds enough for
/// many new connections.
pub(super) const SEARCH_EVERY: Duration = Duration::from_millis(100);
/// Values of `Connection::state` that are not times: with this bit, the others are the number of
/// its open requests.
const BUSY: u64 = 1 << 63;
const CLOSED: u64 = u64::MAX;

/// Connections that waited when they were last searched for, the longest waiting one last.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    sorted: Vec<(u64, Arc<Connection>)>,
    searched: Option<Instant>,
}

impl Waiting {
    /// Closes the one of `open` that has waited for the longest time, and returns it.
    pub(super) fn close_one(
        &mut self,
        open: &HashMap<u64, Arc<Connection>>,
        epoch: Instant,
    ) -> Option<Arc<Connection>> {
        loop {
            while let Some((since_ms, connection)) = self.sorted.pop() {
                if connection.close(since_ms) {
                    return Some(connection);
                }
            }
            if self.searched.is_some_and(|searched| searched.elapsed() < SEARCH_EVERY) {
                return None;
            }
            self.searched = Some(Instant::now());
            let latest_ms = elapsed_ms(epoch).checked_sub(millis(WAITED_MIN))?;
            let since_ms = |it: &Arc<Connection>| it.state.load(Ordering::Acquire);
            let waiting = open.values().map(|it| (since_ms(it), Arc::clone(it)));
            self.sorted =
                waiting.filter(|(since_ms, _)| (1..=latest_ms).contains(since_ms)).collect();
            self.sorted.sort_unstable_by_key(|(since_ms, _)| std::cmp::Reverse(*since_ms));
            if self.sorted.is_empty() {
                return None;
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(BUSY - 1)
}

/// The time since `epoch`, without the bit [`BUSY`].
fn elapsed_ms(epoch: Instant) -> u64 {
    (millis(epoch.elapsed()) + 1).min(BUSY - 1)
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: u64,
    pub(super) address: ClientAddress,
    epoch: Instant,
    /// Since when it waits for a request or for the rest of its head; or [`BUSY`] with the number
    /// of its open requests, of which HTTP/2 has many; or [`CLOSED`].
    state: AtomicU64,
    must_close: Notify,
}

impl Connection {
    /// A new connection, which waits for its first request. Times count from `epoch`.
    pub(super) fn new(id: u64, address: ClientAddress, epoch: Instant) -> Self {
        let state = AtomicU64::new(elapsed_ms(epoch));
        Self { id, address, epoch, state, must_close: Notify::new() }
    }

    /// Whether it has given way to a new one.
    #[cfg(test)]
    pub(super) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) == CLOSED
    }

    /// A request has arrived. `None` if the connection is being closed.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Busy> {
        let begun =
            self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
                CLOSED => None,
                busy if busy & BUSY != 0 => Some(busy + 1),
                _ => Some(BUSY + 1),
            });
        let is_first = begun.ok()? & BUSY == 0;
        Some(Busy { connection: Arc::clone(self), is_first })
    }

    /// Becomes ready when the connection must be closed at once.
    pub(super) async fn must_close(&self) {
        self.must_close.notified().await;
    }

    /// The connection has ended, so it cannot give way any more.
    pub(super) fn end(&self) {
        self.state.store(CLOSED, Ordering::Release);
    }

    fn close(&self, since_ms: u64) -> bool {
        let is_closed = self.replace(since_ms, CLOSED);
        if is_closed {
            self.must_close.notify_one();
        }
        is_closed
    }

    fn replace(&self, from: u64, to: u64) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub(super) struct Busy {
    connection: Arc<Connection>,
    /// Whether no other request was open when it began.
    pub(super) is_first: bool,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let waits_since_ms = elapsed_ms(self.connection.epoch);
        // An error means that the connection has ended.
        let _ = self.connection.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            match state {
                CLOSED => None,
                many if many > BUSY + 1 => Some(many - 1),
                _ => Some(waits_since_ms),
            }
        });
    }
}
