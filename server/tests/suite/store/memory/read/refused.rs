//! Pages of arrivals that have no row.

use lamplight_server::store::{RefusedEvent, RefusedPage, RefusedQuery};

use super::filter::is_in_time;
use crate::store::memory::events::EventTables;

impl EventTables {
    /// A page of refused arrivals, newest first.
    pub(in crate::store::memory) fn refused_page(&self, query: &RefusedQuery) -> RefusedPage {
        let is_wanted = |event: &&RefusedEvent| {
            let producer = event.number.map(|(producer, _)| producer);
            event.outcome == query.outcome
                && query.source.as_ref().is_none_or(|source| *source == event.source)
                && query.producer.is_none_or(|wanted| Some(wanted) == producer)
                && is_in_time(event.id, query.from_ms, query.to_ms)
                && query.after.is_none_or(|after| event.id < after)
        };
        let mut found = self.refused.values().rev().filter(is_wanted);
        let events: Vec<RefusedEvent> =
            found.by_ref().take(query.limit as usize).cloned().collect();
        let has_more = found.next().is_some();
        RefusedPage { next: events.last().filter(|_| has_more).map(|event| event.id), events }
    }
}
