//! `store.db`: outcomes, ledgers, counters and keys; and, in a file for each week beside it, the events.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Semaphore, watch};

use super::apply::{self, Closed};
use super::connection::{Layout, Step, migrate, open_writer};
use super::database::Database;
use super::files::Files;
use super::open_weeks::OpenWeeks;
use super::routed::Routes;
use super::week_readers::WeekReaders;
use super::writer::{Change, Guard, Host, Writer, WriterLimits};
use super::{
    OpenError, aggregate, deliveries, event_pages, keys, producers, recent, refused, sql, totals,
    trace,
};
use crate::store::{
    Aggregate, AggregateQuery, Answer, Applied, EventFilter, EventPage, EventQuery, EventRef,
    EventTrace, Key, LivePosition, LiveTail, Plan, ProducerPage, ProducerQuery, RefusedPage,
    RefusedQuery, SqlError, SqlQuery, SqlTable, Store, StoreError, Totals, Week,
};

const SCHEMA: [Step; 4] = [
    ("V1__events", include_str!("../../../migrations/sqlite/store/V1__events.sql")),
    ("V2__key_rules", include_str!("../../../migrations/sqlite/store/V2__key_rules.sql")),
    ("V3__deliveries", include_str!("../../../migrations/sqlite/store/V3__deliveries.sql")),
    ("V4__recent", include_str!("../../../migrations/sqlite/store/V4__recent.sql")),
];

const LAYOUT: Layout = Layout { page_bytes: 4 * 1024, cache_kib: 8 * 1024 };

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    pub(super) writer: Writer<Files>,
    pub(super) readers: WeekReaders,
    pub(super) routes: Routes,
    pub(super) queued: watch::Sender<u64>,
    path: PathBuf,
    changes: watch::Sender<u64>,
    /// Statements that people wrote run one at a time.
    sql_turn: Arc<Semaphore>,
}

impl SqliteStore {
    /// Opens the database at `path` and the files of events beside it, or makes them. Leases of an earlier process
    /// end: it is gone, or the lock on the data directory would not have been given.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, limits: WriterLimits) -> Result<Self, OpenError> {
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let mut store = open_writer(path, LAYOUT)?;
        migrate(&mut store, path, &SCHEMA)?;
        deliveries::release_all(&store)
            .map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })?;
        let weeks = OpenWeeks::open(&store, &folder)?;
        let queued = watch::Sender::new(0);
        let host =
            StoreHost { path: path.to_owned(), folder: folder.clone(), queued: queued.clone() };
        let writer = Writer::start("store-writer", limits, Files { store, weeks }, host)
            .map_err(|source| OpenError::Thread { path: path.to_owned(), source })?;
        let readers = WeekReaders::new(path.to_owned(), folder);
        Ok(Self {
            writer,
            readers,
            routes: Routes::default(),
            queued,
            path: path.to_owned(),
            changes: watch::Sender::new(0),
            sql_turn: Arc::new(Semaphore::new(1)),
        })
    }

    /// Applies plans of one week; its file is opened in a transaction before.
    async fn apply_week(
        &self,
        plans: Arc<[Arc<Plan>]>,
        now_ms: i64,
    ) -> Result<Vec<Applied>, StoreError> {
        let Some(week) = plans.first().map(|plan| apply::week_of(plan)) else {
            return Ok(Vec::new());
        };
        loop {
            let (plans, routes) = (Arc::clone(&plans), self.routes.clone());
            let applied =
                self.writer.write("apply payloads", Guard::Alone, 0, move |files, change| {
                    let applied = apply::apply(files, week, &plans, now_ms, &routes)?;
                    Ok(applied.map(|(applied, queued)| {
                        change.deliveries += queued;
                        applied
                    }))
                });
            match applied.await? {
                Ok(applied) => return Ok(applied),
                Err(Closed) => self.admit(week).await?,
            }
        }
    }

    async fn admit(&self, week: Week) -> Result<(), StoreError> {
        let admitted = self.writer.write(
            "open a week's file of events",
            Guard::Alone,
            0,
            move |files: &mut Files, _| files.weeks.admit(&files.store, week),
        );
        admitted.await
    }
}

struct StoreHost {
    path: PathBuf,
    folder: PathBuf,
    queued: watch::Sender<u64>,
}

impl Host for StoreHost {
    type Database = Files;

    fn open(&mut self) -> Result<Files, OpenError> {
        let sqlite = |source| OpenError::Sqlite { path: self.path.clone(), source };
        let mut store = open_writer(&self.path, LAYOUT)?;
        store.checkpoint().map_err(sqlite)?;
        let weeks = OpenWeeks::open(&store, &self.folder)?;
        Ok(Files { store, weeks })
    }

    fn committed(&mut self, change: Change) {
        if change.deliveries > 0 {
            self.queued.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

/// Says, when it is dropped, that nobody waits any more.
#[derive(Debug, Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Store for SqliteStore {
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>> {
        Box::pin(async move {
            // Nearly always one run.
            let mut applied = Vec::with_capacity(plans.len());
            for run in plans.chunk_by(|a, b| apply::week_of(a) == apply::week_of(b)) {
                applied.extend(self.apply_week(run.into(), now_ms).await?);
            }
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
            Ok(applied)
        })
    }

    fn keys(&self) -> Answer<'_, Vec<Key>> {
        Box::pin(self.readers.read("read the keys", |connection| keys::all(connection)))
    }

    fn add_keys(&self, keys: Vec<Key>) -> Answer<'_, ()> {
        Box::pin(self.writer.write("add keys", Guard::Alone, 0, move |files, _| {
            keys.iter().try_for_each(|key| keys::add(files, key))
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
            self.readers.read("read events", move |reading| event_pages::page(reading, &query)),
        )
    }

    fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>> {
        Box::pin(self.readers.read("trace an event", move |reading| trace::find(reading, &event)))
    }

    fn refused(&self, query: RefusedQuery) -> Answer<'_, RefusedPage> {
        Box::pin(
            self.readers.read("read refused events", move |reading| refused::page(reading, &query)),
        )
    }

    fn aggregate(&self, query: AggregateQuery) -> Answer<'_, Aggregate> {
        Box::pin(
            self.readers
                .read("count events", move |reading| aggregate::over_weeks(reading, &query)),
        )
    }

    fn sql(&self, query: SqlQuery) -> Answer<'_, Result<SqlTable, SqlError>> {
        let (path, turn) = (self.path.clone(), Arc::clone(&self.sql_turn));
        Box::pin(async move {
            let down = StoreError::Down { retry_after_s: 1 };
            let turn = turn.acquire_owned().await.map_err(|_| down.clone())?;
            let gone = StopOnDrop::default();
            let is_gone = Arc::clone(&gone.0);
            let ran = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                sql::run(&path, &query, is_gone)
            });
            match ran.await {
                Ok(ran) => ran.map_err(|error| StoreError::database("run a statement", error)),
                Err(_) => Err(down),
            }
        })
    }

    fn live_end(&self) -> Answer<'_, LivePosition> {
        Box::pin(self.readers.read("find the end of the live view", |reading| recent::end(reading)))
    }

    fn live(&self, filter: EventFilter, after: LivePosition, limit: u32) -> Answer<'_, LiveTail> {
        Box::pin(self.readers.read("follow the live view", move |reading| {
            recent::tail(reading, &filter, after, limit)
        }))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
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
