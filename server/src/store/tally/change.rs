//! What one transaction adds to tallies.

use std::collections::{HashMap, HashSet};

use super::counts::Counts;
use super::errors::{ErrorSample, Occurrence, SampleKind};
use super::key::{TallyKey, TallyKind};
use crate::store::apply::{NewRow, Writes};
use crate::store::{DeliveryEnding, ErrorStage, Outcome, Settlement};

const MINUTE_MS: i64 = 60_000;

/// What is added to one tally.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// When the first was received, in milliseconds since 1970.
    pub first_ms: i64,
    /// When the last was received.
    pub last_ms: i64,
    /// How many in each minute, which is a number from 1970.
    pub minutes: Vec<(i64, i64)>,
}

impl Seen {
    fn at(at_ms: i64) -> Self {
        Self { first_ms: at_ms, last_ms: at_ms, minutes: Vec::new() }
    }

    /// Adds to the minute of `at_ms`.
    pub fn add(&mut self, at_ms: i64, count: i64) {
        self.first_ms = self.first_ms.min(at_ms);
        self.last_ms = self.last_ms.max(at_ms);
        self.add_minute(at_ms.div_euclid(MINUTE_MS), count);
    }

    fn add_minute(&mut self, minute: i64, count: i64) {
        // Nearly always the same one.
        match self.minutes.iter_mut().rev().find(|(at, _)| *at == minute) {
            Some((_, known)) => *known += count,
            None => self.minutes.push((minute, count)),
        }
    }

    /// Adds what was seen later.
    pub fn then(&mut self, later: &Self) {
        self.first_ms = self.first_ms.min(later.first_ms);
        self.last_ms = self.last_ms.max(later.last_ms);
        for (minute, count) in &later.minutes {
            self.add_minute(*minute, *count);
        }
    }

    /// Adds it to the counts of a tally of this kind.
    pub fn add_to(&self, counts: &mut Counts, kind: TallyKind) {
        counts.extend(self.first_ms, self.last_ms);
        for (minute, count) in &self.minutes {
            counts.add(minute.saturating_mul(MINUTE_MS), *count, kind.kept());
        }
    }
}

/// What one transaction adds to tallies.
#[derive(Debug, Default)]
pub struct TallyChange<'a> {
    /// To each tally.
    pub seen: HashMap<TallyKey<'a>, Seen>,
    /// The last error of each group.
    pub samples: HashMap<TallyKey<'a>, ErrorSample>,
}

impl<'a> TallyChange<'a> {
    /// What applying or replaying payloads adds. An event that was refused and is stored now is no
    /// longer invalid. That it was refused stays counted as an error.
    pub fn of(writes: &Writes<'a>) -> Self {
        let mut change = Self::default();
        let mut last: Option<(&str, &str, i64, i64)> = None;
        for (row, is_accepted) in counted_rows(writes) {
            let (source, at_ms) = (row.plan.source.as_str(), row.plan.received_ms);
            if is_accepted {
                change.add(TallyKind::Invalid, source, "", at_ms, -1);
            }
            // Neighbours nearly always have the same source and time, and often the same name.
            last = match last {
                Some((of, name, ms, count))
                    if of == source && name == row.columns.name && ms == at_ms =>
                {
                    Some((of, name, ms, count + 1))
                }
                other => {
                    change.add_name(other);
                    Some((source, row.columns.name.as_str(), at_ms, 1))
                }
            };
        }
        change.add_name(last);
        for refused in &writes.not_stored {
            let (source, at_ms) = (refused.plan.source.as_str(), refused.plan.received_ms);
            match refused.outcome {
                Outcome::Duplicate => change.add(TallyKind::Duplicates, source, "", at_ms, 1),
                Outcome::Invalid => change.add(TallyKind::Invalid, source, "", at_ms, 1),
                Outcome::Stored => {}
            }
            if let Some((reason, detail)) = &refused.reason {
                let key = TallyKey::new(TallyKind::Error(ErrorStage::Event), source, reason.code());
                let id = refused.event.id.0;
                let sample = ErrorSample::new(Some((SampleKind::Event, id)), detail);
                change.samples.insert(key.clone(), sample);
                change.seen.entry(key).or_insert_with(|| Seen::at(at_ms)).add(at_ms, 1);
            }
        }
        change
    }

    fn add_name(&mut self, seen: Option<(&'a str, &'a str, i64, i64)>) {
        if let Some((source, name, at_ms, count)) = seen {
            self.add(TallyKind::Name, source, name, at_ms, count);
            self.add(TallyKind::Stored, source, "", at_ms, count);
        }
    }

    fn add(&mut self, kind: TallyKind, owner: &'a str, label: &'a str, at_ms: i64, count: i64) {
        let key = TallyKey::new(kind, owner, label);
        self.seen.entry(key).or_insert_with(|| Seen::at(at_ms)).add(at_ms, count);
    }
}

/// The rows that count, and whether each was refused before. A row that a replay restores was counted
/// when it was first stored.
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
        let seen = change.seen.entry(key.clone()).or_insert_with(|| Seen::at(it.first_ms));
        seen.add(it.first_ms, 0);
        seen.add(it.last_ms, it.count);
        seen.minutes.retain(|(_, count)| *count != 0);
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
        change.seen.entry(key).or_insert_with(|| Seen::at(at_ms)).add(at_ms, 1);
    }
    change
}
