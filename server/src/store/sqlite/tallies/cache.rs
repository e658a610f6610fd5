//! What the writer knows of tallies, so that counting what is known costs no read.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use super::{details, rows};
use crate::store::apply::Writes;
use crate::store::tally::{
    OVERFLOW, TallyChange, TallyKey, TallyKind, TallyLog, TallyOwner, counted_rows, is_sampled,
};
use crate::store::{Counts, ErrorSample, PropertyFacts, Week};

/// The most bytes of the log: a minute of about 500 tallies. It is written with each transaction,
/// so it takes few pages, and adding it to the rows is rare.
const LOG_BYTES_MAX: usize = 8_000;
/// The most names whose properties are in memory.
const FACTS_MAX: usize = 1_000;

/// What the writer knows, as of the step that runs. It is read again after a step that was rolled
/// back.
#[derive(Debug, Default)]
pub(crate) struct TallyCache(Option<Known>);

#[derive(Debug, Default)]
struct Known {
    ids: HashMap<TallyKey<'static>, i64>,
    /// How many tallies count in each limit.
    counted: HashMap<TallyOwner, usize>,
    /// As it is in `totals`.
    log: TallyLog,
    /// How many events of a name were looked at, and how many this process has stored.
    passed: HashMap<i64, Passed>,
    facts: HashMap<i64, PropertyFacts>,
    /// Names of which more was counted than is stored.
    dirty: HashSet<i64>,
    /// Samples of errors that are not written yet. The first of a group is written at once.
    samples: HashMap<i64, (Week, ErrorSample)>,
    /// Groups that this process has written a sample of.
    sampled: HashSet<i64>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Passed {
    sampled: u64,
    passed: u64,
}

impl TallyCache {
    /// Reads everything again the next time, because what the last step wrote was rolled back.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }

    fn known(&mut self, store: &Connection) -> rusqlite::Result<&mut Known> {
        let known = match self.0.take() {
            Some(known) => known,
            None => Known::read(store)?,
        };
        Ok(self.0.insert(known))
    }

    /// Counts what applying or replaying payloads has written.
    pub(crate) fn add_writes(
        &mut self,
        store: &Connection,
        writes: &Writes<'_>,
    ) -> rusqlite::Result<()> {
        let change = TallyChange::of(writes);
        if change.seen.is_empty() {
            return Ok(());
        }
        let known = self.known(store)?;
        known.add(store, change)?;
        known.look(store, writes)
    }

    /// Counts errors.
    pub(crate) fn add(
        &mut self,
        store: &Connection,
        change: TallyChange<'_>,
    ) -> rusqlite::Result<()> {
        self.known(store)?.add(store, change)
    }

    /// Writes what is only in memory: more of what was known.
    pub(crate) fn flush_details(&mut self, store: &Connection) -> rusqlite::Result<()> {
        self.0.as_mut().map_or(Ok(()), |known| known.flush_details(store))
    }
}

impl Known {
    fn read(store: &Connection) -> rusqlite::Result<Self> {
        let mut known = Self { log: rows::log(store)?.unwrap_or_default(), ..Self::default() };
        for (key, tally) in rows::keys(store)? {
            known.put(key, tally);
        }
        Ok(known)
    }

    fn put(&mut self, key: TallyKey<'static>, tally: i64) {
        if key.label != OVERFLOW {
            *self.counted.entry(key.counted_for()).or_default() += 1;
        }
        self.ids.insert(key, tally);
    }

    /// The number of a tally, or of the one that counts instead of it. `None` if it is new.
    fn id(&self, key: &TallyKey<'_>) -> Option<i64> {
        self.ids.get(key).copied()
    }

    fn id_or_new(
        &mut self,
        store: &Connection,
        key: &TallyKey<'_>,
        first_ms: i64,
    ) -> rusqlite::Result<i64> {
        if let Some(tally) = self.id(key) {
            return Ok(tally);
        }
        let counted = self.counted.get(&key.counted_for()).copied().unwrap_or(0);
        let admitted = key.clone().admitted(counted);
        if let Some(tally) = self.id(&admitted) {
            return Ok(tally);
        }
        let tally = rows::insert(store, &admitted, &Counts::at(first_ms))?;
        self.put(admitted.into_owned(), tally);
        Ok(tally)
    }

    fn add(&mut self, store: &Connection, change: TallyChange<'_>) -> rusqlite::Result<()> {
        for (key, seen) in change.seen {
            let tally = self.id_or_new(store, &key, seen.first_ms)?;
            if let Some(sample) = change.samples.get(&key) {
                let week = Week::of_ms(seen.last_ms);
                if self.sampled.insert(tally) {
                    details::set_sample(store, tally, week, sample)?;
                } else {
                    self.samples.insert(tally, (week, sample.clone()));
                }
            }
            self.log.add(tally, seen);
        }
        let bytes = self.log.write();
        if bytes.len() <= LOG_BYTES_MAX { rows::set_log(store, &bytes) } else { self.fold(store) }
    }

    /// Adds the log to the rows.
    fn fold(&mut self, store: &Connection) -> rusqlite::Result<()> {
        for (tally, seen) in std::mem::take(&mut self.log).iter() {
            if let Some((kind, mut counts)) = rows::find(store, tally)? {
                seen.add_to(&mut counts, kind);
                rows::update(store, tally, &counts)?;
            }
        }
        rows::set_log(store, &[])?;
        self.flush_details(store)
    }

    /// Looks at the properties of some of the events. What is new is written at once, and the rest
    /// later.
    fn look(&mut self, store: &Connection, writes: &Writes<'_>) -> rusqlite::Result<()> {
        let mut is_new = HashSet::new();
        for (row, _) in counted_rows(writes) {
            let key = TallyKey::new(TallyKind::Name, &row.plan.source, &row.columns.name);
            // Names without a tally of their own have no properties either.
            let Some(tally) = self.id(&key) else { continue };
            let passed = if let Some(passed) = self.passed.get(&tally) {
                *passed
            } else {
                let sampled = self.facts(store, tally)?.sampled;
                Passed { sampled, passed: sampled }
            };
            let mut next = Passed { passed: passed.passed + 1, ..passed };
            if is_sampled(passed.sampled, passed.passed) {
                let facts = self.facts(store, tally)?;
                if facts.look(row.columns.properties_json.as_deref(), row.plan.received_ms) {
                    is_new.insert(tally);
                }
                next.sampled = facts.sampled;
                self.dirty.insert(tally);
            }
            self.passed.insert(tally, next);
        }
        for tally in is_new {
            self.write_facts(store, tally)?;
        }
        if self.facts.len() > FACTS_MAX {
            self.flush_details(store)?;
            self.facts.clear();
        }
        Ok(())
    }

    fn facts(&mut self, store: &Connection, tally: i64) -> rusqlite::Result<&mut PropertyFacts> {
        let known = match self.facts.remove(&tally) {
            Some(known) => known,
            None => details::facts(store, tally)?.unwrap_or_default(),
        };
        Ok(self.facts.entry(tally).or_insert(known))
    }

    fn write_facts(&mut self, store: &Connection, tally: i64) -> rusqlite::Result<()> {
        self.dirty.remove(&tally);
        self.facts.get(&tally).map_or(Ok(()), |facts| details::set_facts(store, tally, facts))
    }

    fn flush_details(&mut self, store: &Connection) -> rusqlite::Result<()> {
        for tally in std::mem::take(&mut self.dirty) {
            self.write_facts(store, tally)?;
        }
        for (tally, (week, sample)) in std::mem::take(&mut self.samples) {
            details::set_sample(store, tally, week, &sample)?;
        }
        Ok(())
    }
}
