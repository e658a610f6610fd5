//! How a page of events is put together from parts. Pure.

use super::{EventPage, EventRow, Position, RowId};

/// The part of a page that one week has.
#[derive(Debug, Default)]
pub(crate) struct PagePart {
    /// The events, newest first.
    pub(crate) events: Vec<EventRow>,
    /// The last row that was read.
    pub(crate) last: Option<Position>,
    /// Whether the budget ran out before the end.
    pub(crate) has_more: bool,
}

/// A page of the numbers of one producer. They may have arrived in any order, and each source has
/// numbers of its own, so what its weeks and scopes have is merged.
#[derive(Debug)]
pub(crate) struct NumberPage {
    limit: usize,
    merged: Vec<EventRow>,
    looked_down_to: Option<(u64, RowId)>,
}

impl NumberPage {
    /// An empty page of at most `limit` events.
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit: limit as usize, merged: Vec::new(), looked_down_to: None }
    }

    /// Adds what one week has in one scope.
    pub(crate) fn add(&mut self, part: PagePart) {
        let place = |event: &EventRow| (event.number.map_or(0, |(_, seq)| seq), event.id);
        if part.has_more
            && let Some(Position::Seq(seq, id)) = part.last
        {
            self.looked_down_to = self.looked_down_to.max(Some((seq, id)));
        }
        self.merged.extend(part.events);
        self.merged.sort_unstable_by_key(|event| std::cmp::Reverse(place(event)));
        // Below this place, some week or scope was not read.
        self.merged.retain(|event| Some(place(event)) >= self.looked_down_to);
        if self.merged.len() > self.limit {
            self.merged.truncate(self.limit);
            self.looked_down_to = self.looked_down_to.max(self.merged.last().map(place));
        }
    }

    /// The page.
    pub(crate) fn finish(self) -> EventPage {
        let next = self.looked_down_to.map(|(seq, id)| Position::Seq(seq, id));
        EventPage { events: self.merged, next }
    }
}
