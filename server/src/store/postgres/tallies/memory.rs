//! What this process remembers of tallies. Nothing depends on it but how many events are looked at.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio::runtime::Handle;

use super::{fold_if_possible, rows};
use crate::store::PropertyFacts;
use crate::store::apply::{NewRow, Writes};
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::Failure;
use crate::store::tally::{NAMES_MAX, TallyKey, TallyKind, counted_rows, is_sampled};

/// After this many rows or bytes that this process has added to the log, it adds the log to the
/// tallies.
const ROWS_MAX: u64 = 64;
const BYTES_MAX: usize = 256 << 10;
/// How long that waits, so that the transaction that added the last row has ended.
const FOLD_AFTER: Duration = Duration::from_millis(100);
/// The names of a source that has no room are read again after this many transactions: other
/// servers may have added some.
const READ_AGAIN_AFTER: u64 = 1_000;
/// The most sources that are remembered.
const SOURCES_MAX: usize = 1_000;

pub(crate) const NAMES: &str =
    "SELECT owner, label, counts FROM tallies WHERE kind = 1 AND owner = ANY($1)";

/// What this process remembers of tallies, so that counting what is known costs no read.
#[derive(Debug)]
pub(crate) struct TallyMemory {
    database: Weak<Database>,
    sources: Mutex<HashMap<String, Names>>,
    /// How often something was counted.
    added: AtomicU64,
    /// How much was since the log was last added to the tallies.
    rows: AtomicU64,
    bytes: AtomicUsize,
    is_folding: Arc<AtomicBool>,
}

/// The names of a source.
#[derive(Debug, Default)]
struct Names {
    /// What was `added` when they were read.
    read: u64,
    passed: HashMap<String, Passed>,
}

/// How many events of a name were looked at, and how many were counted.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    sampled: u64,
    passed: u64,
}

impl Names {
    /// Whether a name may have a tally that this process has not heard of.
    fn is_stale(&self, name: &str, added: u64) -> bool {
        self.passed.len() >= NAMES_MAX
            && added.saturating_sub(self.read) >= READ_AGAIN_AFTER
            && !self.passed.contains_key(name)
    }

    /// Counts an event. Returns whether its properties are looked at.
    fn pass(&mut self, name: &str) -> bool {
        if !self.passed.contains_key(name) {
            if self.passed.len() >= NAMES_MAX {
                // It has no tally of its own, so it has no properties either.
                return false;
            }
            self.passed.insert(name.to_owned(), Passed::default());
        }
        let Some(passed) = self.passed.get_mut(name) else { return false };
        let is_sampled = is_sampled(passed.sampled, passed.passed);
        passed.sampled += u64::from(is_sampled);
        passed.passed += 1;
        is_sampled
    }
}

impl TallyMemory {
    /// Nothing yet.
    pub(crate) fn new(database: &Arc<Database>) -> Self {
        Self {
            database: Arc::downgrade(database),
            sources: Mutex::default(),
            added: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            bytes: AtomicUsize::new(0),
            is_folding: Arc::default(),
        }
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<String, Names>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the properties of some of the events.
    pub(super) async fn look<'a>(
        &self,
        transaction: &Transaction<'_>,
        writes: &Writes<'a>,
    ) -> Result<HashMap<TallyKey<'a>, PropertyFacts>, Failure> {
        let unknown = self.unknown(writes);
        if !unknown.is_empty() {
            self.read(transaction, &unknown).await?;
        }
        let mut facts: HashMap<TallyKey<'a>, PropertyFacts> = HashMap::new();
        for row in self.sampled(writes) {
            let key = TallyKey::new(TallyKind::Name, &row.plan.source, &row.columns.name);
            let properties = row.columns.properties_json.as_deref();
            facts.entry(key).or_default().look(properties, row.plan.received_ms);
        }
        Ok(facts)
    }

    /// The rows whose properties are looked at.
    fn sampled<'w, 'a>(&self, writes: &'w Writes<'a>) -> Vec<&'w NewRow<'a>> {
        let mut sources = self.sources();
        let rows = counted_rows(writes).map(|(row, _)| row);
        rows.filter(|row| {
            // Another transaction may have forgotten the source since.
            let names = sources.get_mut(&row.plan.source);
            names.is_some_and(|names| names.pass(&row.columns.name))
        })
        .collect()
    }

    /// Sources whose names are not known.
    fn unknown<'a>(&self, writes: &Writes<'a>) -> BTreeSet<&'a str> {
        let (sources, added) = (self.sources(), self.added.load(Ordering::Relaxed));
        let rows = counted_rows(writes).filter(|(row, _)| {
            let known = sources.get(&row.plan.source);
            known.is_none_or(|names| names.is_stale(&row.columns.name, added))
        });
        rows.map(|(row, _)| row.plan.source.as_str()).collect()
    }

    async fn read(
        &self,
        transaction: &Transaction<'_>,
        unknown: &BTreeSet<&str>,
    ) -> Result<(), Failure> {
        let owners: Vec<&[u8]> = unknown.iter().map(|source| source.as_bytes()).collect();
        let names = transaction.prepare_cached(NAMES).await?;
        let read = self.added.load(Ordering::Relaxed);
        let mut found: HashMap<String, Names> = HashMap::new();
        for source in unknown {
            found.insert((*source).to_owned(), Names { read, ..Names::default() });
        }
        for row in transaction.query(&names, &[&owners]).await? {
            let (source, name) = (rows::text(&row, 0)?, rows::text(&row, 1)?);
            // At least this many were looked at, up to where that is rare.
            let passed = u64::try_from(rows::counts(&row, 2)?.total()).unwrap_or(0);
            let names = found.entry(source).or_default();
            names.passed.insert(name, Passed { sampled: passed, passed });
        }
        let mut sources = self.sources();
        if sources.len() + found.len() > SOURCES_MAX {
            sources.clear();
        }
        sources.extend(found);
        Ok(())
    }

    /// Notes that a row of the log was written, which took this number of bytes. Adds the log to
    /// the tallies now and then, apart.
    pub(super) fn added(&self, bytes: usize) {
        self.added.fetch_add(1, Ordering::Relaxed);
        let rows = self.rows.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if rows < ROWS_MAX && bytes < BYTES_MAX || self.is_folding.swap(true, Ordering::AcqRel) {
            return;
        }
        self.rows.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
        let (database, is_folding) = (Weak::clone(&self.database), Arc::clone(&self.is_folding));
        Handle::current().spawn(async move {
            tokio::time::sleep(FOLD_AFTER).await;
            is_folding.store(false, Ordering::Release);
            let Some(database) = database.upgrade() else { return };
            fold_if_possible(&database).await;
        });
    }

    /// Whether this process has added to the log.
    pub(super) fn has_added(&self) -> bool {
        self.added.load(Ordering::Relaxed) > 0
    }
}
