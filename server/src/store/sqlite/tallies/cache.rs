//! What the writer knows of tallies, so that counting what is known costs no read.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use super::{details, rows};
use crate::store::apply::Writes;
use crate::store::tally::{TallyChange, TallyKey, TallyLog, TallyPlaces, counted_rows, is_sampled};
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
    places: TallyPlaces<i64>,
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

/// The tally that counts something.
#[derive(Debug, Clone, Copy)]
struct Counting {
    tally: i64,
    /// Whether it counts nothing else.
    is_own: bool,
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
        let mut change = TallyChange::of(writes);
        if change.seen.is_empty() {
            return Ok(());
        }
        let known = self.known(store)?;
        let places = std::mem::take(&mut change.rows);
        let names = known.add(store, change)?;
        known.look(store, writes, &places, &names)
    }

    /// Counts errors.
    pub(crate) fn add(
        &mut self,
        store: &Connection,
        change: TallyChange<'_>,
    ) -> rusqlite::Result<()> {
        self.known(store)?.add(store, change).map(drop)
    }

    /// Writes what is only in memory: more of what was known.
    pub(crate) fn flush_details(&mut self, store: &Connection) -> rusqlite::Result<()> {
        self.0.as_mut().map_or(Ok(()), |known| known.flush_details(store))
    }
}

/// Adds the log to the rows, while nothing else writes.
pub(crate) fn settle_log(store: &mut Connection) -> rusqlite::Result<()> {
    let transaction = store.transaction()?;
    Known::read(&transaction)?.fold(&transaction)?;
    transaction.commit()
}

impl Known {
    fn read(store: &Connection) -> rusqlite::Result<Self> {
        let mut known = Self { log: rows::log(store)?.unwrap_or_default(), ..Self::default() };
        for (key, tally) in rows::keys(store)? {
            known.places.put(key, tally);
        }
        Ok(known)
    }

    /// The number of a tally, or of the one that counts instead of it. It is added if it is new.
    fn id_or_new(
        &mut self,
        store: &Connection,
        key: &TallyKey<'_>,
        first_ms: i64,
    ) -> rusqlite::Result<Counting> {
        if let Some(tally) = self.places.get(key) {
            return Ok(Counting { tally, is_own: true });
        }
        let admitted = self.places.counting(key);
        let is_own = admitted == *key;
        if let Some(tally) = self.places.get(&admitted) {
            return Ok(Counting { tally, is_own });
        }
        let tally = rows::insert(store, &admitted, &Counts::at(first_ms))?;
        self.places.put(admitted.into_owned(), tally);
        Ok(Counting { tally, is_own })
    }

    /// Returns what counts each tally of the change.
    fn add(
        &mut self,
        store: &Connection,
        change: TallyChange<'_>,
    ) -> rusqlite::Result<Vec<Counting>> {
        let mut counting = Vec::with_capacity(change.seen.len());
        for (key, seen) in change.seen {
            let it = self.id_or_new(store, &key, seen.first_ms)?;
            if let Some(sample) = change.samples.get(&key) {
                let week = Week::of_ms(seen.last_ms);
                if self.sampled.insert(it.tally) {
                    details::set_sample(store, it.tally, week, sample)?;
                } else {
                    self.samples.insert(it.tally, (week, sample.clone()));
                }
            }
            self.log.add(it.tally, seen);
            counting.push(it);
        }
        let bytes = self.log.write();
        if bytes.len() <= LOG_BYTES_MAX {
            rows::set_log(store, &bytes)?;
        } else {
            self.fold(store)?;
        }
        Ok(counting)
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

    /// Looks at the properties of some of the events. `names` are what counts their names, and
    /// `places` say which one of these each has. What is new is written at once, and the rest
    /// later.
    fn look(
        &mut self,
        store: &Connection,
        writes: &Writes<'_>,
        places: &[usize],
        names: &[Counting],
    ) -> rusqlite::Result<()> {
        let mut is_new = HashSet::new();
        let mut passed: Vec<Option<Passed>> = vec![None; names.len()];
        for ((row, _), place) in counted_rows(writes).zip(places) {
            let Some((name, next)) = names.get(*place).zip(passed.get_mut(*place)) else {
                continue;
            };
            // Names without a tally of their own have no properties either.
            if !name.is_own {
                continue;
            }
            let before = match *next {
                Some(before) => before,
                None => self.passed(store, name.tally)?,
            };
            let mut after = Passed { passed: before.passed + 1, ..before };
            if is_sampled(before.sampled, before.passed) {
                let facts = self.facts(store, name.tally)?;
                if facts.look(row.columns.properties_json.as_deref(), row.plan.received_ms) {
                    is_new.insert(name.tally);
                }
                after.sampled = facts.sampled;
                self.dirty.insert(name.tally);
            }
            *next = Some(after);
        }
        for (name, passed) in names.iter().zip(passed) {
            self.passed.extend(passed.map(|passed| (name.tally, passed)));
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

    fn passed(&mut self, store: &Connection, tally: i64) -> rusqlite::Result<Passed> {
        if let Some(passed) = self.passed.get(&tally) {
            return Ok(*passed);
        }
        let sampled = self.facts(store, tally)?.sampled;
        Ok(Passed { sampled, passed: sampled })
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
