//! What one transaction adds to tallies.

use std::collections::{HashMap, HashSet};

use super::errors::{ErrorSample, Occurrence, SampleKind};
use super::key::{TallyKey, TallyKind};
use super::seen::Seen;
use crate::store::apply::{NewRow, Writes};
use crate::store::{DeliveryEnding, ErrorStage, Outcome, Settlement};

/// What one transaction adds to tallies.
#[derive(Debug, Default)]
pub struct TallyChange<'a> {
    /// To each tally, which is in it once.
    pub seen: Vec<(TallyKey<'a>, Seen)>,
    /// The last error of each group.
    pub samples: HashMap<TallyKey<'a>, ErrorSample>,
    /// Where in `seen` the name of each row is that [`counted_rows`] gives.
    pub rows: Vec<usize>,
    places: HashMap<TallyKey<'a>, usize>,
}

impl<'a> TallyChange<'a> {
    /// What applying or replaying payloads adds. An event that was refused and is stored now is no
    /// longer invalid. That it was refused stays counted as an error.
    ///
    /// This is done for every event. So it looks up each name once, and a source once for all
    /// neighbours.
    pub fn of(writes: &Writes<'a>) -> Self {
        let mut change = Self::default();
        change.rows.reserve(writes.rows.len());
        let (mut last_source, mut last_name) = (None, None);
        for (row, is_accepted) in counted_rows(writes) {
            let (source, at_ms) = (row.plan.source.as_str(), row.plan.received_ms);
            if is_accepted {
                change.add(TallyKind::Invalid, source, "", at_ms, -1);
            }
            let stored = match last_source {
                Some((known, stored)) if known == source => stored,
                _ => {
                    last_name = None;
                    change.place(TallyKey::new(TallyKind::Stored, source, ""), at_ms)
                }
            };
            last_source = Some((source, stored));
            let name = match last_name {
                Some((known, place)) if known == row.columns.name.as_str() => place,
                _ => change.place(TallyKey::new(TallyKind::Name, source, &row.columns.name), at_ms),
            };
            last_name = Some((row.columns.name.as_str(), name));
            change.add_at(stored, at_ms, 1);
            change.add_at(name, at_ms, 1);
            change.rows.push(name);
        }
        for refused in &writes.not_stored {
            let (source, at_ms) = (refused.plan.source.as_str(), refused.plan.received_ms);
            match refused.outcome {
                Outcome::Duplicate => change.add(TallyKind::Duplicates, source, "", at_ms, 1),
                Outcome::Invalid => change.add(TallyKind::Invalid, source, "", at_ms, 1),
                Outcome::Stored => {}
            }
            if let Some((reason, detail)) = &refused.reason {
                let kind = TallyKind::Error(ErrorStage::Event);
                let id = refused.event.id.0;
                let sample = ErrorSample::new(Some((SampleKind::Event, id)), detail);
                change.samples.insert(TallyKey::new(kind, source, reason.code()), sample);
                change.add(kind, source, reason.code(), at_ms, 1);
            }
        }
        change
    }

    /// Where in `seen` a tally is. It is added if it is not there.
    fn place(&mut self, key: TallyKey<'a>, at_ms: i64) -> usize {
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        let place = self.seen.len();
        self.places.insert(key.clone(), place);
        self.seen.push((key, Seen::at(at_ms)));
        place
    }

    fn add_at(&mut self, place: usize, at_ms: i64, count: i64) {
        if let Some((_, seen)) = self.seen.get_mut(place) {
            seen.add(at_ms, count);
        }
    }

    fn add(&mut self, kind: TallyKind, owner: &'a str, label: &'a str, at_ms: i64, count: i64) {
        let place = self.place(TallyKey::new(kind, owner, label), at_ms);
        self.add_at(place, at_ms, count);
    }
}

/// The rows that count, and whether each was refused before. A row that a replay restores was
/// counted when it was first stored.
pub fn counted_rows<'w, 'a>(
    writes: &'w Writes<'a>,
) -> impl Iterator<Item = (&'w NewRow<'a>, bool)> + use<'w, 'a> {
    let accepted: HashSet<_> = writes.accepted.iter().map(|(_, id)| *id).collect();
    let is_replay = writes.payloads.is_empty();
    let rows = writes.rows.iter().map(move |row| {
        let is_accepted = is_replay && accepted.contains(&row.event.id);
        (row, is_accepted)
    });
    rows.filter(move |(_, is_accepted)| !is_replay || *is_accepted)
}

/// What errors add that happened outside of the transactions that store events.
pub fn occurrence_change(occurrences: &[Occurrence]) -> TallyChange<'_> {
    let mut change = TallyChange::default();
    for it in occurrences {
        let key = TallyKey::new(TallyKind::Error(it.stage), &it.owner, it.code);
        let place = change.place(key.clone(), it.first_ms);
        if let Some((_, seen)) = change.seen.get_mut(place) {
            seen.add(it.first_ms, 0);
            seen.add(it.last_ms, it.count);
            seen.minutes.retain(|(_, count)| *count != 0);
        }
        change.samples.insert(key, it.sample.clone());
    }
    change
}

/// What the failed attempts of a settlement add.
pub fn settlement_change(settlement: &Settlement) -> TallyChange<'_> {
    let (mut change, at_ms) = (TallyChange::default(), settlement.now_ms);
    for settled in &settlement.deliveries {
        let (DeliveryEnding::RetryAt(_, reason) | DeliveryEnding::Dead(reason)) = &settled.ending
        else {
            continue;
        };
        let kind = TallyKind::Error(ErrorStage::Delivery);
        let key = TallyKey::new(kind, &settlement.sink, reason.code);
        if !change.samples.contains_key(&key) {
            let of = Some((SampleKind::Delivery, settled.ticket.event.0));
            change.samples.insert(key.clone(), ErrorSample::new(of, &reason.detail));
        }
        let place = change.place(key, at_ms);
        change.add_at(place, at_ms, 1);
    }
    change
}
