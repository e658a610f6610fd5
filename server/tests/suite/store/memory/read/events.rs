//! Pages of events.

use std::cmp::Reverse;

use lamplight_server::store::{EventPage, EventQuery, EventRow, Position};

use super::filter::matches;
use crate::store::memory::events::EventTables;

fn seq(event: &EventRow) -> u64 {
    event.number.map_or(0, |(_, seq)| seq)
}

impl EventTables {
    /// A page of events, newest first; those of one producer in the order of their numbers.
    pub(in crate::store::memory) fn event_page(&self, query: &EventQuery) -> EventPage {
        let EventQuery { filter, after, limit } = query;
        let is_after = |event: &&EventRow| match after {
            Some(Position::Row(id)) => event.id < *id,
            Some(Position::Seq(number, id)) => (seq(event), event.id) < (*number, *id),
            None => true,
        };
        let rows = self.rows.values().rev().map(|row| &**row);
        let mut found: Vec<&EventRow> =
            rows.filter(|event| matches(filter, event)).filter(is_after).collect();
        if filter.producer.is_some() {
            found.sort_by_key(|event| Reverse((seq(event), event.id)));
        }
        let events: Vec<EventRow> = found.iter().take(*limit as usize).copied().cloned().collect();
        let position = |event: &EventRow| match filter.producer {
            Some(_) => Position::Seq(seq(event), event.id),
            None => Position::Row(event.id),
        };
        let has_more = found.len() > events.len();
        EventPage { next: events.last().filter(|_| has_more).map(position), events }
    }
}
