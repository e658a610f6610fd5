//! `store.db`: events, outcomes, ledgers, counters and keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::watch;

use super::connection::{Layout, Step, migrate, open_writer};
use super::readers::Readers;
use super::routed::Routes;
use super::writer::{Change, Guard, Host, Writer, WriterLimits};
use super::{
    OpenError, apply, dead_letters, deliveries, events, keys, producers, sinks, totals, trace,
};
use crate::lease::Lease;
use crate::store::{
    Answer, Applied, Deliveries, DeliveryAsk, DeliveryStep, EventPage, EventQuery, EventRef,
    EventTrace, Key, LeasedDelivery, Plan, ProducerPage, ProducerQuery, RetryAsk, RetryCount,
    Route, RowId, Settlement, SinkRow, Store, StoreError, Totals,
};

const SCHEMA: [Step; 2] = [
    ("V1__events", include_str!("../../../migrations/sqlite/store/V1__events.sql")),
    ("V2__deliveries", include_str!("../../../migrations/sqlite/store/V2__deliveries.sql")),
];

const LAYOUT: Layout = Layout { page_bytes: 4 * 1024, cache_kib: 16 * 1024 };

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    routes: Routes,
    queued: watch::Sender<u64>,
}

impl SqliteStore {
    /// Opens the database, or makes it. Leases of an earlier process end: it is gone, or the lock on
    /// the data directory would not have been given.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, limits: WriterLimits) -> Result<Self, OpenError> {
        let mut connection = open_writer(path, LAYOUT)?;
        migrate(&mut connection, path, &SCHEMA)?;
        deliveries::release_all(&connection)
            .map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })?;
        let queued = watch::Sender::new(0);
        let host = StoreHost { path: path.to_owned(), queued: queued.clone() };
        let writer = Writer::start("store-writer", limits, connection, host)
            .map_err(|source| OpenError::Thread { path: path.to_owned(), source })?;
        let readers = Readers::new(path.to_owned());
        Ok(Self { writer, readers, routes: Routes::default(), queued })
    }
}

struct StoreHost {
    path: PathBuf,
    queued: watch::Sender<u64>,
}

impl Host for StoreHost {
    fn open(&mut self) -> Result<Connection, OpenError> {
        let connection = open_writer(&self.path, LAYOUT)?;
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|source| OpenError::Sqlite { path: self.path.clone(), source })?;
        Ok(connection)
    }

    fn committed(&mut self, change: Change) {
        if change.deliveries > 0 {
            self.queued.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

impl Store for SqliteStore {
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>> {
        let routes = self.routes.clone();
        Box::pin(self.writer.write("apply payloads", Guard::Alone, 0, move |connection, change| {
            let (applied, queued) = apply::apply(connection, &plans, now_ms, &routes)?;
            change.deliveries += queued;
            Ok(applied)
        }))
    }

    fn keys(&self) -> Answer<'_, Vec<Key>> {
        Box::pin(self.readers.read("read the keys", keys::all))
    }

    fn add_keys(&self, keys: Vec<Key>) -> Answer<'_, ()> {
        Box::pin(self.writer.write("add keys", Guard::Alone, 0, move |connection, _| {
            keys.iter().try_for_each(|key| keys::add(connection, key))
        }))
    }

    fn totals(&self, now_ms: i64) -> Answer<'_, Totals> {
        Box::pin(
            self.readers
                .read("read the totals", move |connection| totals::read(connection, now_ms)),
        )
    }

    fn events(&self, query: EventQuery) -> Answer<'_, EventPage> {
        Box::pin(
            self.readers.read("read events", move |connection| events::page(connection, &query)),
        )
    }

    fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>> {
        Box::pin(
            self.readers.read("trace an event", move |connection| trace::find(connection, &event)),
        )
    }

    fn producers(&self, query: ProducerQuery) -> Answer<'_, ProducerPage> {
        Box::pin(
            self.readers
                .read("read producers", move |connection| producers::page(connection, &query)),
        )
    }

    fn is_up(&self) -> bool {
        self.writer.is_up()
    }

    fn close(&self) -> Answer<'_, ()> {
        self.readers.close();
        Box::pin(self.writer.close())
    }
}

impl Deliveries for SqliteStore {
    fn set_routes(&self, routes: Vec<Route>) -> Answer<'_, ()> {
        Box::pin(async move {
            let set = self.writer.write("set the sinks", Guard::Alone, 0, move |connection, _| {
                sinks::set(connection, routes)
            });
            self.routes.set(set.await?);
            Ok(())
        })
    }

    fn lease_deliveries(&self, ask: DeliveryAsk) -> Answer<'_, (Lease, Vec<LeasedDelivery>)> {
        Box::pin(async move {
            let lease = deliveries::lease_of(&ask);
            let taken =
                self.writer.write("lease deliveries", Guard::Alone, 0, move |connection, _| {
                    deliveries::lease(connection, &ask)
                });
            let taken = taken.await?;
            if taken.is_empty() {
                return Ok((lease, Vec::new()));
            }
            // The events are read beside the writer, which has better things to do.
            let read = self.readers.read("read leased deliveries", move |connection| {
                deliveries::read(connection, taken)
            });
            Ok((lease, read.await?))
        })
    }

    fn settle_deliveries(&self, settlement: Settlement) -> Answer<'_, ()> {
        let settled =
            self.writer.write("settle deliveries", Guard::Alone, 0, move |connection, _| {
                if settlement.now_ms >= settlement.lease.until_ms {
                    return Ok(Err(StoreError::LeaseLost));
                }
                connection.prepare_cached("SAVEPOINT settle")?.execute([])?;
                let is_held = deliveries::settle(connection, &settlement)?;
                if !is_held {
                    connection.prepare_cached("ROLLBACK TO settle")?.execute([])?;
                }
                connection.prepare_cached("RELEASE settle")?.execute([])?;
                Ok(if is_held { Ok(()) } else { Err(StoreError::LeaseLost) })
            });
        Box::pin(async move { settled.await? })
    }

    fn pause_sink(&self, sink: String, pause: bool, now_ms: i64) -> Answer<'_, bool> {
        Box::pin(self.writer.write("pause a sink", Guard::Alone, 0, move |connection, change| {
            change.deliveries += 1;
            sinks::pause(connection, &sink, pause.then_some(now_ms))
        }))
    }

    fn retry_dead(&self, ask: RetryAsk) -> Answer<'_, RetryCount> {
        if ask.dry_run {
            return Box::pin(self.readers.read("count dead letters", move |connection| {
                dead_letters::retry(connection, &ask)
            }));
        }
        Box::pin(self.writer.write(
            "retry dead letters",
            Guard::Alone,
            0,
            move |connection, change| {
                change.deliveries += 1;
                dead_letters::retry(connection, &ask)
            },
        ))
    }

    fn sinks(&self) -> Answer<'_, Vec<SinkRow>> {
        Box::pin(self.readers.read("read the sinks", sinks::all))
    }

    fn steps(&self, event: RowId) -> Answer<'_, Vec<DeliveryStep>> {
        Box::pin(
            self.readers
                .read("trace deliveries", move |connection| deliveries::steps(connection, event)),
        )
    }

    fn queued(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }
}
