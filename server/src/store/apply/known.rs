//! What a database has to read before plans can be decided on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lamplight_wire::Producer;

use super::profiles::StoredProfile;
use crate::store::ledger::Ledger;
use crate::store::{
    EventIdentity, Outcome, PayloadId, Plan, PlannedEvent, ProfileKey, ProfileNote, RowId,
};

/// An id that a client gave an event. It counts within one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientIdKey<'a> {
    /// The source.
    pub source: &'a str,
    /// The id.
    pub id: &'a str,
}

/// The arrival that an id belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIdOwner {
    /// The arrival.
    pub arrival: RowId,
    /// Whether it cannot be stored. Then the first arrival that can be stored gets the id: a client
    /// that corrects an event sends it with the same id.
    pub is_refused: bool,
}

/// What has to be read.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    /// The ledgers of these producers.
    pub producers: HashSet<Producer>,
    /// Which arrival each of these ids belongs to.
    pub client_ids: HashSet<ClientIdKey<'a>>,
    /// The profiles of these users.
    pub profiles: HashSet<ProfileKey<'a>>,
    /// Those of them that an event may add to, so that all their words are needed.
    pub words: HashSet<ProfileKey<'a>>,
}

impl<'a> Wanted<'a> {
    /// What applying `plans` for the first time needs. Payloads that were applied before need
    /// nothing.
    pub fn of(plans: &'a [Arc<Plan>], applied: &Payloads) -> Self {
        let mut wanted = Self::default();
        for plan in plans.iter().filter(|plan| !applied.contains(&plan.payload)) {
            wanted.producers.extend(plan.notes.iter().map(|(producer, _)| *producer));
            for event in &plan.events {
                wanted.identity(plan, event);
                wanted.profile(event);
            }
        }
        wanted
    }

    /// What tells whether `event` arrived before.
    pub(super) fn identity(&mut self, plan: &'a Plan, event: &'a PlannedEvent) {
        match &event.identity {
            EventIdentity::Numbered(producer, _) => {
                self.producers.insert(*producer);
            }
            EventIdentity::ClientId(id) => {
                self.client_ids.insert(ClientIdKey { source: &plan.source, id });
            }
            EventIdentity::Anonymous => {}
        }
    }

    /// The profile of the event's user, if the event can be stored.
    pub(super) fn profile(&mut self, event: &'a PlannedEvent) {
        let Some(columns) = event.columns() else { return };
        let Some(key) = ProfileKey::of(columns) else { return };
        self.profiles.insert(key);
        if ProfileNote::may_be_in(&columns.name) {
            self.words.insert(key);
        }
    }
}

/// What was read. What is not in it is not in the database.
#[derive(Debug, Default)]
pub struct Known<'a> {
    /// Ledgers.
    pub ledgers: HashMap<Producer, Ledger>,
    /// Ids that clients gave, each with the arrival that it belongs to.
    pub client_ids: HashMap<ClientIdKey<'a>, ClientIdOwner>,
    /// Profiles.
    pub profiles: HashMap<ProfileKey<'a>, StoredProfile>,
}

/// Some payloads.
pub type Payloads = HashSet<PayloadId>;

/// How the events of payloads ended, of those that were applied and are still known.
pub type Histories = HashMap<PayloadId, History>;

/// How the events of one payload ended when it was applied.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// How many arrivals were not stored, as counted then.
    pub not_stored: u64,
    /// The arrivals that were not stored, as far as they are still recorded.
    pub outcomes: HashMap<RowId, Outcome>,
    /// The rows that are there now.
    pub rows: HashSet<RowId>,
}

impl History {
    /// Whether it is known how each event ended. Retention may have deleted some of it.
    pub(super) fn is_whole(&self) -> bool {
        self.outcomes.len() as u64 == self.not_stored
    }
}
