//! Counts events and outcomes by a scan: what tallies must say. For checks and repairs.

use super::counts::Counts;
use super::errors::{ErrorSample, ErrorStage, SampleKind};
use super::facts::{PropertyFacts, is_sampled};
use super::key::{TallyKey, TallyKind};
use super::places::TallyPlaces;
use crate::store::{Outcome, RowId};

/// What a scan found of one tally.
#[derive(Debug, Default)]
pub struct TallyScanned {
    /// Its counts.
    pub counts: Counts,
    /// What is known of the properties of its events.
    pub facts: PropertyFacts,
    /// The last of its errors.
    pub sample: Option<ErrorSample>,
    passed: u64,
}

/// A scan. It takes as much memory as there may be tallies.
#[derive(Debug, Default)]
pub struct TallyScan {
    /// What was found.
    pub tallies: Vec<(TallyKey<'static>, TallyScanned)>,
    /// Where each is.
    places: TallyPlaces<usize>,
    /// Whether names without a tally get one while there is room.
    admits: bool,
}

impl TallyScan {
    /// A scan for these tallies, and if it `admits` them for others.
    pub fn of(known: impl IntoIterator<Item = TallyKey<'static>>, admits: bool) -> Self {
        let mut scan = Self { admits, ..Self::default() };
        for key in known {
            scan.put(key);
        }
        scan
    }

    fn put(&mut self, key: TallyKey<'static>) -> usize {
        let place = self.tallies.len();
        self.places.put(key.clone(), place);
        self.tallies.push((key, TallyScanned::default()));
        place
    }

    /// Adds to a tally, or to the one that counts instead of it.
    fn add(&mut self, key: &TallyKey<'_>, at_ms: i64, count: i64) -> Option<&mut TallyScanned> {
        let place = self.places.get(key).unwrap_or_else(|| {
            let key = if self.admits {
                self.places.counting(key)
            } else {
                self.places.counting_known(key)
            };
            self.places.get(&key).unwrap_or_else(|| self.put(key.into_owned()))
        });
        let scanned = &mut self.tallies.get_mut(place)?.1;
        if scanned.counts.first_ms == 0 && scanned.counts.total() == 0 {
            scanned.counts = Counts::at(at_ms);
        }
        scanned.counts.extend(at_ms, at_ms);
        scanned.counts.add(at_ms, count, key.kind.kept());
        Some(scanned)
    }

    /// Adds a stored event. Returns what is known of its name, if the caller must look at its
    /// properties.
    pub fn stored(&mut self, source: &str, name: &str, at_ms: i64) -> Option<&mut PropertyFacts> {
        self.add(&TallyKey::new(TallyKind::Stored, source, ""), at_ms, 1);
        let scanned = self.add(&TallyKey::new(TallyKind::Name, source, name), at_ms, 1)?;
        let is_sampled = is_sampled(scanned.facts.sampled, scanned.passed);
        scanned.passed += 1;
        is_sampled.then_some(&mut scanned.facts)
    }

    /// Adds an arrival that was not stored.
    pub fn not_stored(
        &mut self,
        (id, outcome): (RowId, Outcome),
        (reason, detail): (Option<&str>, Option<&str>),
        source: &str,
        at_ms: i64,
    ) {
        let is_duplicate = outcome == Outcome::Duplicate;
        let kind = if is_duplicate { TallyKind::Duplicates } else { TallyKind::Invalid };
        self.add(&TallyKey::new(kind, source, ""), at_ms, 1);
        if let Some(reason) = reason.filter(|_| !is_duplicate) {
            let key = TallyKey::new(TallyKind::Error(ErrorStage::Event), source, reason);
            if let Some(scanned) = self.add(&key, at_ms, 1) {
                let of = Some((SampleKind::Event, id.0));
                scanned.sample = Some(ErrorSample::new(of, detail.unwrap_or_default()));
            }
        }
    }
}

/// The counts of a tally after a repair. Those of weeks that are gone stay as they are, and so do
/// errors that nothing else tells of.
pub fn repaired(
    key: &TallyKey<'_>,
    before: Option<&Counts>,
    scanned: &Counts,
    is_kept: impl Fn(i64) -> bool,
) -> Counts {
    let kept = key.kind.kept();
    match (key.kind, before) {
        (TallyKind::Error(_), Some(before)) => before.at_least(scanned, kept, is_kept),
        (_, Some(before)) => scanned.clone().with_removed(before, kept, is_kept),
        (_, None) => scanned.clone(),
    }
}
