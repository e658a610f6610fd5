//! What was stored last, in the order of commits.

use lamplight_server::store::{EventFilter, LivePosition, LiveTail};

use super::filter::matches;
use crate::store::memory::events::EventTables;

impl EventTables {
    /// Where the order ends now. The first payload has position 1.
    pub(in crate::store::memory) fn live_end(&self) -> LivePosition {
        LivePosition { payload: i64::try_from(self.recent.len()).unwrap(), index: u32::MAX }
    }

    /// What was stored after `after`, at most `limit` events of it.
    pub(in crate::store::memory) fn live_tail(
        &self,
        filter: &EventFilter,
        after: LivePosition,
        limit: u32,
    ) -> LiveTail {
        // A position beyond the end is another database's.
        let has_gap = after.payload > self.live_end().payload;
        let after = if has_gap { LivePosition { payload: 0, index: u32::MAX } } else { after };
        let mut tail =
            LiveTail { events: Vec::new(), next: self.live_end().into(), has_more: false, has_gap };
        for (payload, (first, last)) in (1..).zip(&self.recent) {
            for (_, event) in self.rows.range(*first..=*last) {
                let position = LivePosition { payload, index: event.index };
                if position <= after || !matches(filter, event) {
                    continue;
                }
                if tail.events.len() >= limit as usize {
                    tail.next = tail.events.last().map_or(after.into(), |(place, _)| place.clone());
                    tail.has_more = true;
                    return tail;
                }
                tail.events.push((position.into(), (**event).clone()));
            }
        }
        tail
    }
}
