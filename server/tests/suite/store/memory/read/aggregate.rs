//! Counts of events by a key.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use lamplight_server::store::{Aggregate, AggregateQuery};

use super::filter::{matches, property};
use crate::store::memory::events::EventTables;
use lamplight_server::store::{EventClock, EventRow, Grouping};

/// Most counts that are given.
const ROWS_MAX: usize = 1_000;

impl EventTables {
    pub(in crate::store::memory) fn aggregate(&self, query: &AggregateQuery) -> Aggregate {
        let mut counts: BTreeMap<Option<String>, u64> = BTreeMap::new();
        for event in self.rows.values().filter(|event| matches(&query.filter, event)) {
            *counts.entry(key(event, query)).or_default() += 1;
        }
        let mut rows: Vec<(Option<String>, u64)> = counts.into_iter().collect();
        // The sort is stable: equal counts stay in the order of their keys.
        rows.sort_by_key(|(_, count)| Reverse(*count));
        let other = rows.iter().skip(ROWS_MAX).map(|(_, count)| count).sum();
        rows.truncate(ROWS_MAX);
        Aggregate { rows, other, from_ms: None }
    }
}

fn key(event: &EventRow, query: &AggregateQuery) -> Option<String> {
    let time_ms = match query.calendar.clock {
        EventClock::Received => event.received_ms,
        EventClock::Happened => event.time_ms,
    };
    match &query.by {
        Grouping::Name => Some(event.name.clone()),
        Grouping::Kind => Some(event.kind.clone()),
        Grouping::Day => Some(query.calendar.day(time_ms)),
        Grouping::Hour => Some(query.calendar.hour(time_ms)),
        Grouping::Property(path) => property(event, path),
    }
}
