//! Counts events and outcomes by a scan: what tallies must say. For checks and repairs.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::store::sqlite::file::columns::row_id;
use crate::store::tally::{OVERFLOW, TallyKey, TallyKind, TallyOwner, is_sampled};
use crate::store::{Counts, ErrorSample, ErrorStage, Outcome, PropertyFacts, SampleKind};

/// What a scan found of one tally.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// Its counts.
    pub(crate) counts: Counts,
    /// What is known of the properties of its events.
    pub(super) facts: PropertyFacts,
    /// The last of its errors.
    pub(super) sample: Option<ErrorSample>,
    passed: u64,
}

/// A scan. It takes as much memory as there may be tallies.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// What was found.
    pub(crate) tallies: Vec<(TallyKey<'static>, Scanned)>,
    /// Where each is.
    places: HashMap<TallyKey<'static>, usize>,
    counted: HashMap<TallyOwner, usize>,
    /// Whether names without a tally get one while there is room.
    admits: bool,
}

impl Scan {
    /// A scan for these tallies, and if it `admits` them for others.
    pub(crate) fn of(known: impl IntoIterator<Item = TallyKey<'static>>, admits: bool) -> Self {
        let mut scan = Self { admits, ..Self::default() };
        for key in known {
            scan.put(key);
        }
        scan
    }

    fn put(&mut self, key: TallyKey<'static>) {
        if key.label != OVERFLOW {
            *self.counted.entry(key.counted_for()).or_default() += 1;
        }
        self.places.insert(key.clone(), self.tallies.len());
        self.tallies.push((key, Scanned::default()));
    }

    /// Adds to a tally, or to the one that counts instead of it.
    fn add(&mut self, key: &TallyKey<'_>, at_ms: i64, count: i64) -> Option<&mut Scanned> {
        let mut key = key.clone();
        if !self.places.contains_key(&key) {
            let counted = self.counted.get(&key.counted_for()).copied().unwrap_or(0);
            key = key.admitted(if self.admits { counted } else { usize::MAX });
            if !self.places.contains_key(&key) {
                self.put(key.clone().into_owned());
            }
        }
        let place = *self.places.get(&key)?;
        let scanned = &mut self.tallies.get_mut(place)?.1;
        if scanned.counts.total() == 0 && scanned.counts.first_ms == 0 {
            scanned.counts = Counts::at(at_ms);
        }
        scanned.counts.extend(at_ms, at_ms);
        scanned.counts.add(at_ms, count, key.kind.kept());
        Some(scanned)
    }

    /// Adds the events of a file of which `counts` says yes to the id, and looks at the properties
    /// of some of them if `looks`.
    pub(crate) fn week(
        &mut self,
        file: &Connection,
        counts: impl Fn(u128) -> bool,
        looks: bool,
    ) -> rusqlite::Result<()> {
        let mut find = file.prepare("SELECT properties FROM events WHERE rowid = ?1")?;
        let mut statement =
            file.prepare("SELECT rowid, id, source, name, received_ms FROM events")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if !counts(row_id(row, 1)?.0.as_u128()) {
                continue;
            }
            let (source, name) = (row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str()?);
            let at_ms: i64 = row.get(4)?;
            self.add(&TallyKey::new(TallyKind::Stored, source, ""), at_ms, 1);
            let scanned = self.add(&TallyKey::new(TallyKind::Name, source, name), at_ms, 1);
            let Some(scanned) = scanned.filter(|_| looks) else { continue };
            if is_sampled(scanned.facts.sampled, scanned.passed) {
                let rowid: i64 = row.get(0)?;
                let properties: Option<String> = find.query_row([rowid], |row| row.get(0))?;
                scanned.facts.look(properties.as_deref(), at_ms);
            }
            scanned.passed += 1;
        }
        Ok(())
    }

    /// Adds arrivals that were not stored.
    pub(crate) fn outcomes(&mut self, store: &Connection) -> rusqlite::Result<()> {
        let mut statement =
            store.prepare("SELECT id, state, reason, detail, source, received_ms FROM outcomes")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (source, at_ms): (&str, i64) = (row.get_ref(4)?.as_str()?, row.get(5)?);
            let is_duplicate = row.get_ref(1)?.as_str()? == Outcome::Duplicate.name();
            let kind = if is_duplicate { TallyKind::Duplicates } else { TallyKind::Invalid };
            self.add(&TallyKey::new(kind, source, ""), at_ms, 1);
            let reason: Option<String> = row.get(2)?;
            if let Some(reason) = reason.filter(|_| !is_duplicate) {
                let key = TallyKey::new(TallyKind::Error(ErrorStage::Event), source, &reason);
                let detail: Option<String> = row.get(3)?;
                let id = row_id(row, 0)?.0;
                if let Some(scanned) = self.add(&key, at_ms, 1) {
                    let of = Some((SampleKind::Event, id));
                    scanned.sample = Some(ErrorSample::new(of, &detail.unwrap_or_default()));
                }
            }
        }
        Ok(())
    }
}
