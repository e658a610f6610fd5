//! `store.db`: events, outcomes, ledgers, counters and keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::connection::{Layout, Step, migrate, open_writer};
use super::readers::Readers;
use super::writer::{Change, Guard, Host, Writer, WriterLimits};
use super::{OpenError, apply, events, keys, producers, totals, trace};
use crate::store::{
    Answer, Applied, EventPage, EventQuery, EventRef, EventTrace, Key, Plan, ProducerPage,
    ProducerQuery, Store, Totals,
};

const SCHEMA: [Step; 2] = [
    ("V1__events", include_str!("../../../migrations/sqlite/store/V1__events.sql")),
    ("V2__key_rules", include_str!("../../../migrations/sqlite/store/V2__key_rules.sql")),
];

const LAYOUT: Layout = Layout { page_bytes: 4 * 1024, cache_kib: 16 * 1024 };

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, limits: WriterLimits) -> Result<Self, OpenError> {
        let mut connection = open_writer(path, LAYOUT)?;
        migrate(&mut connection, path, &SCHEMA)?;
        let host = StoreHost { path: path.to_owned() };
        let writer = Writer::start("store-writer", limits, connection, host)
            .map_err(|source| OpenError::Thread { path: path.to_owned(), source })?;
        Ok(Self { writer, readers: Readers::new(path.to_owned()) })
    }
}

struct StoreHost {
    path: PathBuf,
}

impl Host for StoreHost {
    fn open(&mut self) -> Result<Connection, OpenError> {
        let connection = open_writer(&self.path, LAYOUT)?;
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|source| OpenError::Sqlite { path: self.path.clone(), source })?;
        Ok(connection)
    }

    fn committed(&mut self, _change: Change) {}
}

impl Store for SqliteStore {
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>> {
        Box::pin(self.writer.write("apply payloads", Guard::Alone, 0, move |connection, _| {
            apply::apply(connection, &plans, now_ms)
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

    fn change_key(&self, key: Key) -> Answer<'_, bool> {
        Box::pin(self.writer.write("change a key", Guard::Alone, 0, move |connection, _| {
            keys::change(connection, &key)
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
