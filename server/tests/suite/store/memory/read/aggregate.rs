//! Counts of events by a key.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use lamplight_server::store::{Aggregate, AggregateQuery};

use super::filter::matches;
use crate::store::memory::events::EventTables;
use lamplight_server::store::{CanonicalJson, EventClock, EventRow, Grouping};

/// Most counts that are given.
const ROWS_MAX: usize = 1_000;

impl EventTables {
    pub(in crate::store::memory) fn aggregate(&self, query: &AggregateQuery) -> Aggregate {
        let mut counts: BTreeMap<Option<CanonicalJson>, u64> = BTreeMap::new();
        for event in self.rows.values().filter(|event| matches(&query.filter, event)) {
            *counts.entry(key(event, query)).or_default() += 1;
        }
        let mut rows: Vec<(Option<CanonicalJson>, u64)> = counts.into_iter().collect();
        // The sort is stable: equal counts stay in the order of their keys.
        rows.sort_by_key(|(_, count)| Reverse(*count));
        let other = rows.iter().skip(ROWS_MAX).map(|(_, count)| count).sum();
        rows.truncate(ROWS_MAX);
        Aggregate { rows, other, from_ms: None }
    }
}

fn key(event: &EventRow, query: &AggregateQuery) -> Option<CanonicalJson> {
    let time_ms = match query.calendar.clock {
        EventClock::Received => event.received_ms,
        EventClock::Happened => event.time_ms,
    };
    let text = |text: &str| Some(CanonicalJson::string(text));
    match &query.by {
        Grouping::Name => text(&event.name),
        Grouping::Kind => text(&event.kind),
        Grouping::Day => text(&query.calendar.day(time_ms)),
        Grouping::Hour => text(&query.calendar.hour(time_ms)),
        Grouping::Property(path) => path.value(event.properties_json.as_deref()),
    }
}
