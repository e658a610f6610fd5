//! `store.db`: outcomes, ledgers, counters and keys; and, in a file for each week beside it, the events.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, watch};

use super::apply::{self, Closed};
use super::apply::{reapply, totals};
use super::deliveries::queue;
use super::deliveries::routed::Routes;
use super::file::checkpoint::{Checkpointer, Logs};
use super::file::connection::{Layout, Step, migrate, open_writer};
use super::file::transaction::Database;
use super::read::{aggregate, event_pages, live, producers, refused, trace, user_sql};
use super::weeks::files::Files;
use super::weeks::open::OpenWeeks;
use super::weeks::readers::WeekReaders;
use super::weeks::{catalog, prune, upgrade};
use super::writer::handle::Writer;
use super::writer::step::{Change, Guard, Host, WriterLimits};
use super::{OpenError, keys};
use crate::store::{
    Aggregate, AggregateQuery, Answer, Applied, EventFilter, EventPage, EventQuery, EventRef,
    EventTrace, Keep, Key, LivePosition, LiveTail, Plan, ProducerPage, ProducerQuery, Pruned,
    RefusedPage, RefusedQuery, Replayed, SqlError, SqlQuery, SqlTable, Store, StoreError, Totals,
    Week,
};

const SCHEMA: [Step; 5] = [
    ("V1__events", include_str!("../../../migrations/sqlite/store/V1__events.sql")),
    ("V2__key_rules", include_str!("../../../migrations/sqlite/store/V2__key_rules.sql")),
    ("V3__deliveries", include_str!("../../../migrations/sqlite/store/V3__deliveries.sql")),
    ("V4__recent", include_str!("../../../migrations/sqlite/store/V4__recent.sql")),
    ("V5__week_schema", include_str!("../../../migrations/sqlite/store/V5__week_schema.sql")),
];

const LAYOUT: Layout = Layout { page_bytes: 4 * 1024, cache_kib: 8 * 1024 };

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    pub(crate) writer: Writer<Files>,
    pub(crate) readers: WeekReaders,
    pub(crate) routes: Routes,
    pub(crate) queued: watch::Sender<u64>,
    folder: PathBuf,
    path: PathBuf,
    changes: watch::Sender<u64>,
    checkpointer: Mutex<Option<Checkpointer>>,
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
        queue::release_all(&store)
            .map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })?;
        upgrade::run(&store, path, &folder)?;
        let weeks = OpenWeeks::open(&store, &folder)?;
        let queued = watch::Sender::new(0);
        let host =
            StoreHost { path: path.to_owned(), folder: folder.clone(), queued: queued.clone() };
        let writer = Writer::start("store-writer", limits, Files { store, weeks }, host)
            .map_err(|source| OpenError::Thread { path: path.to_owned(), source })?;
        let readers = WeekReaders::new(path.to_owned(), folder.clone());
        let checkpointer = Checkpointer::start(Logs::OfStore(path.to_owned()))
            .map_err(|source| OpenError::Thread { path: path.to_owned(), source })?;
        Ok(Self {
            writer,
            readers,
            routes: Routes::default(),
            queued,
            folder,
            path: path.to_owned(),
            changes: watch::Sender::new(0),
            checkpointer: Mutex::new(Some(checkpointer)),
            sql_turn: Arc::new(Semaphore::new(1)),
        })
    }

    /// Runs a step that writes events of `week`, whose file is opened in a transaction before if it is not open.
    async fn in_week<T: Send + 'static>(
        &self,
        doing: &'static str,
        week: Week,
        step: impl Fn(&mut Files, &mut Change) -> rusqlite::Result<Result<T, Closed>>
        + Clone
        + Send
        + 'static,
    ) -> Result<T, StoreError> {
        loop {
            let step = step.clone();
            let done =
                self.writer.write(doing, Guard::Alone, 0, move |files, change| step(files, change));
            match done.await? {
                Ok(value) => return Ok(value),
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

impl SqliteStore {
    async fn retain_all(&self, keep: Keep) -> Result<Pruned, StoreError> {
        let folder = self.folder.clone();
        let due = self.readers.read("find what is not kept", move |reading| {
            Ok((prune::due(reading, &folder, &keep)?, catalog::removed(reading)?))
        });
        let (due, removed) = due.await?;
        for week in &due {
            let week = *week;
            let removing =
                self.writer.write("remove a week of events", Guard::Alone, 0, move |files, _| {
                    prune::remove(files, week, keep.now_ms)
                });
            removing.await?;
            tracing::info!(%week, "removed a week of events, to keep within the retention");
        }
        self.delete_files([removed, due.clone()].concat()).await?;
        let pruned =
            self.writer.write("prune", Guard::Alone, 0, move |files, _| prune::prune(files, &keep));
        Ok(Pruned { weeks: due.len() as u64, ..pruned.await? })
    }

    /// Deletes the files of weeks that were removed. The writer does it, so that none of them is begun again meanwhile.
    async fn delete_files(&self, weeks: Vec<Week>) -> Result<(), StoreError> {
        let folder = self.folder.clone();
        self.readers.forget();
        let deleted =
            self.writer.write("delete files of events", Guard::Alone, 0, move |files, _| {
                files.weeks.delete_removed(&folder, &weeks)
            });
        let deleted = deleted.await;
        // A read that began before the removal may have opened one again.
        self.readers.forget();
        deleted
    }
}

struct StoreHost {
    path: PathBuf,
    folder: PathBuf,
    queued: watch::Sender<u64>,
}

impl Host for StoreHost {
    type Database = Files;
    const LOWERS_PRIORITY: bool = true;

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
                let week = run.first().map_or(Week::from_number(0), |plan| apply::week_of(plan));
                let run: Arc<[Arc<Plan>]> = run.into();
                let routes = self.routes.clone();
                let more = self.in_week("apply payloads", week, move |files, change| {
                    let applied = apply::apply(files, week, &run, now_ms, &routes)?;
                    Ok(applied.map(|(applied, queued)| {
                        change.deliveries += queued;
                        applied
                    }))
                });
                applied.extend(more.await?);
            }
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
            Ok(applied)
        })
    }

    fn reapply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Replayed> {
        Box::pin(async move {
            let mut done = Replayed::default();
            for run in plans.chunk_by(|a, b| apply::week_of(a) == apply::week_of(b)) {
                let week = run.first().map_or(Week::from_number(0), |plan| apply::week_of(plan));
                let run: Arc<[Arc<Plan>]> = run.into();
                let routes = self.routes.clone();
                let more = self.in_week("apply payloads again", week, move |files, change| {
                    let replayed = reapply::reapply(files, week, &run, now_ms, &routes)?;
                    Ok(replayed.map(|(replayed, queued)| {
                        change.deliveries += queued;
                        replayed
                    }))
                });
                done += more.await?;
            }
            Ok(done)
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
                user_sql::run(&path, &query, is_gone)
            });
            match ran.await {
                Ok(ran) => ran.map_err(|error| StoreError::database("run a statement", error)),
                Err(_) => Err(down),
            }
        })
    }

    fn live_end(&self) -> Answer<'_, LivePosition> {
        Box::pin(self.readers.read("find the end of the live view", |reading| live::end(reading)))
    }

    fn live(&self, filter: EventFilter, after: LivePosition, limit: u32) -> Answer<'_, LiveTail> {
        Box::pin(self.readers.read("follow the live view", move |reading| {
            live::tail(reading, &filter, after, limit)
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

    fn retain(&self, keep: Keep) -> Answer<'_, Pruned> {
        Box::pin(self.retain_all(keep))
    }

    fn is_up(&self) -> bool {
        self.writer.is_up()
    }

    fn close(&self) -> Answer<'_, ()> {
        self.readers.close();
        self.checkpointer.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(self.writer.close())
    }
}
