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
/// Values of `Connection::waits_since_ms` that are not times.
const BUSY: u64 = 0;
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
            let since_ms = |it: &Arc<Connection>| it.waits_since_ms.load(Ordering::Acquire);
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
    u64::try_from(duration.as_millis()).unwrap_or(CLOSED - 1)
}

/// The time since `epoch`, which is never [`BUSY`].
fn elapsed_ms(epoch: Instant) -> u64 {
    millis(epoch.elapsed()).saturating_add(1)
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: u64,
    pub(super) address: ClientAddress,
    epoch: Instant,
    /// Since when it waits for a request or for the rest of its head; or [`BUSY`] or [`CLOSED`].
    waits_since_ms: AtomicU64,
    must_close: Notify,
}

impl Connection {
    /// A new connection, which waits for its first request. Times count from `epoch`.
    pub(super) fn new(id: u64, address: ClientAddress, epoch: Instant) -> Self {
        let waits_since_ms = AtomicU64::new(elapsed_ms(epoch));
        Self { id, address, epoch, waits_since_ms, must_close: Notify::new() }
    }

    /// Whether it has given way to a new one.
    #[cfg(test)]
    pub(super) fn is_closed(&self) -> bool {
        self.waits_since_ms.load(Ordering::Acquire) == CLOSED
    }

    /// A request has arrived. `None` if the connection is being closed.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Busy> {
        let since_ms = self.waits_since_ms.load(Ordering::Acquire);
        (since_ms != CLOSED && self.replace(since_ms, BUSY)).then(|| Busy(Arc::clone(self)))
    }

    /// Becomes ready when the connection must be closed at once.
    pub(super) async fn must_close(&self) {
        self.must_close.notified().await;
    }

    fn close(&self, since_ms: u64) -> bool {
        let is_closed = self.replace(since_ms, CLOSED);
        if is_closed {
            self.must_close.notify_one();
        }
        is_closed
    }

    fn replace(&self, from: u64, to: u64) -> bool {
        self.waits_since_ms.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Connection>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.waits_since_ms.store(elapsed_ms(self.0.epoch), Ordering::Release);
    }
}
