//! All that is known about one event.

use lamplight_server::store::ledger::Ledger;
use std::sync::Arc;

use lamplight_server::store::{
    EventRef, EventRow, EventTrace, Outcome, RefusedEvent, Repeat, RowId, StoredEvent, Week,
};
use lamplight_wire::Producer;

use crate::store::memory::events::EventTables;

/// Most later arrivals that a trace lists.
const REPEATS_MAX: usize = 100;

impl EventTables {
    /// Finds an event by any of its names.
    pub(in crate::store::memory) fn trace(&self, event: &EventRef) -> Option<EventTrace> {
        match event {
            EventRef::Row(id) => self.trace_row(*id),
            EventRef::Number(producer, seq) => self.trace_number(*producer, *seq, None),
            EventRef::NumberOf(source, producer, seq) => {
                self.trace_number(*producer, *seq, Some(source))
            }
            EventRef::ClientId(id) => self.trace_id(id, None),
            EventRef::ClientIdOf(source, id) => self.trace_id(id, Some(source)),
        }
    }

    fn trace_id(&self, id: &String, source: Option<&str>) -> Option<EventTrace> {
        let is_asked = |it: &str| source.is_none_or(|source| source == it);
        let known = self.client_ids.iter();
        let known = known.filter(|((source, _, known), _)| known == id && is_asked(source));
        let known = known.min_by_key(|((_, is_secret, _), (owner, received_ms))| {
            (owner.is_refused, !is_secret, *received_ms)
        });
        let is_named =
            |row: &&Arc<EventRow>| row.event_id.as_ref() == Some(id) && is_asked(&row.source);
        let stored = || self.rows.values().find(is_named);
        let row = known
            .map(|(_, (owner, _))| owner.arrival)
            .or_else(|| stored().map(|row| row.id))
            .or_else(|| {
                self.invalid(|it| it.event_id.as_ref() == Some(id) && is_asked(&it.source))
            })?;
        self.trace_row(row)
    }

    fn invalid(&self, is_wanted: impl Fn(&RefusedEvent) -> bool) -> Option<RowId> {
        let mut refused = self.refused.values();
        let invalid = refused.find(|it| it.outcome == Outcome::Invalid && is_wanted(it));
        invalid.map(|event| event.id)
    }

    fn trace_number(
        &self,
        producer: Producer,
        seq: u64,
        source: Option<&str>,
    ) -> Option<EventTrace> {
        let is_asked = |((it, scope), _): &(&(Producer, String), &Ledger)| {
            *it == producer && source.is_none_or(|source| source == scope)
        };
        let mut missing = None;
        for ((_, scope), ledger) in self.ledgers.iter().filter(is_asked) {
            if !ledger.received.contains(seq) {
                missing = missing.or_else(|| ledger.missing(producer, seq));
                continue;
            }
            let number = Some((producer, seq));
            let stored = || {
                let mut rows = self.rows.values();
                rows.find(|row| row.number == number && row.source == *scope).map(|row| row.id)
            };
            let invalid = self.invalid(|event| event.number == number && event.source == *scope);
            return match invalid.or_else(stored) {
                Some(row) => self.trace_row(row),
                None => self.removed(ledger.heard_weeks()),
            };
        }
        missing
    }

    fn trace_row(&self, id: RowId) -> Option<EventTrace> {
        if let Some(row) = self.rows.get(&id) {
            let mark = self.applied.get(&row.payload)?;
            let repeats = self.repeats(id, row.number, row.event_id.as_deref(), &row.source);
            let (applied_ms, attempt) = (mark.applied_ms, mark.attempt);
            let event = Box::new(StoredEvent { row: (**row).clone(), applied_ms, attempt });
            return Some(EventTrace::Stored { event, repeats });
        }
        let Some(event) = self.refused.get(&id) else {
            return self.removed((Week::of_row(id), Week::of_row(id)));
        };
        let repeats = match event.outcome {
            Outcome::Invalid => {
                self.repeats(id, event.number, event.event_id.as_deref(), &event.source)
            }
            Outcome::Duplicate | Outcome::Stored => Vec::new(),
        };
        Some(EventTrace::Refused { event: Box::new(event.clone()), repeats })
    }

    /// Whether an event that is nowhere may have been in a week that was removed.
    fn removed(&self, (oldest, newest): (Week, Week)) -> Option<EventTrace> {
        let removed = self.weeks.range(oldest..=newest).filter_map(|(_, week)| week.removed_ms);
        removed.max().map(|removed_ms| EventTrace::Removed { removed_ms })
    }

    /// The duplicates of the event whose first arrival is `first`.
    fn repeats(
        &self,
        first: RowId,
        number: Option<(Producer, u64)>,
        event_id: Option<&str>,
        source: &str,
    ) -> Vec<Repeat> {
        let is_same = |event: &&RefusedEvent| {
            let is_named = event.event_id.as_deref() == event_id && event.source == source;
            match (number, event_id) {
                (Some(_), _) => event.number == number && event.source == source,
                (None, Some(_)) => is_named,
                (None, None) => false,
            }
        };
        let duplicates = self
            .refused
            .values()
            .filter(|event| event.outcome == Outcome::Duplicate && event.id != first);
        let repeat = |event: &RefusedEvent| Repeat {
            payload: event.payload,
            received_ms: event.received_ms,
            applied_ms: event.applied_ms,
        };
        duplicates.filter(is_same).take(REPEATS_MAX).map(repeat).collect()
    }
}
