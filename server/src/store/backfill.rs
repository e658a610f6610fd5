//! Backfills: a sink is owed past events. Pure.

use std::ops::AddAssign;

use super::apply::{Delivery, fan_out_past};
use super::{EventRow, Route};

/// Why a past event is queued, in the log of its delivery.
pub const BACKFILLED: (&str, &str) = ("backfill", "someone asked that past events be delivered");

/// Stored events that a sink may be owed from now on.
#[derive(Debug, Clone)]
pub struct BackfillAsk {
    /// The sink.
    pub sink: String,
    /// The events.
    pub events: Vec<EventRow>,
    /// The current time, in milliseconds since 1970.
    pub now_ms: i64,
    /// Count only, change nothing.
    pub dry_run: bool,
}

/// How events of a backfill ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackfillCount {
    /// Queued, or in a dry run those that would be.
    pub queued: u64,
    /// The sink had a delivery already: it waits, was sent, was given up, or was dropped.
    pub known: u64,
    /// The sink's route does not want them.
    pub unwanted: u64,
    /// Dropped, because their users opted out of sharing.
    pub private: u64,
}

impl AddAssign for BackfillCount {
    fn add_assign(&mut self, other: Self) {
        self.queued += other.queued;
        self.known += other.known;
        self.unwanted += other.unwanted;
        self.private += other.private;
    }
}

impl BackfillAsk {
    /// The deliveries that the sink is owed, by the rules for new events. `route` is the sink's
    /// route, and `at` its position among the routes.
    pub fn deliveries(&self, at: usize, route: &Route) -> Vec<Delivery> {
        self.events.iter().filter_map(|row| fan_out_past(at, route, row)).collect()
    }

    /// The count, given how many of these deliveries were new: queued, and dropped at once.
    pub fn count(&self, deliveries: &[Delivery], queued: u64, private: u64) -> BackfillCount {
        BackfillCount {
            queued,
            known: (deliveries.len() as u64).saturating_sub(queued + private),
            unwanted: (self.events.len() - deliveries.len()) as u64,
            private,
        }
    }
}
