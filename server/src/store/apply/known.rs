//! What a database has to read before plans can be decided on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lamplight_wire::Producer;

use super::profiles::StoredProfile;
use crate::store::ledger::{Ledger, SHARED, Sums};
use crate::store::{
    EventIdentity, Outcome, PayloadId, Plan, PlannedEvent, ProfileKey, ProfileNote, RowId,
};

/// An id that a client gave an event. It counts within one source and kind of key, so that nobody
/// with a public key can take the ids of a secret one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientIdKey<'a> {
    /// The source.
    pub source: &'a str,
    /// Whether it came with a secret key.
    pub is_secret: bool,
    /// The id.
    pub id: &'a str,
}

impl<'a> ClientIdKey<'a> {
    /// The key of an id in `plan`.
    pub(super) fn new(plan: &'a Plan, id: &'a str) -> Self {
        Self { source: &plan.source, is_secret: plan.is_secret, id }
    }
}

/// A producer within one source: what a ledger is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LedgerKey<'a> {
    /// The source, or [`SHARED`] for a ledger that counts for every source.
    pub scope: &'a str,
    /// The producer.
    pub producer: Producer,
}

impl<'a> LedgerKey<'a> {
    /// The ledger of a producer in `source`.
    pub fn own(source: &'a str, producer: Producer) -> Self {
        Self { scope: source, producer }
    }

    /// The ledger of a producer that counts for every source.
    pub fn shared(producer: Producer) -> Self {
        Self { scope: SHARED, producer }
    }
}

/// A ledger as a database has it.
#[derive(Debug, Clone)]
pub struct StoredLedger {
    /// The ledger.
    pub ledger: Ledger,
    /// The counts that the totals contain for it.
    pub sums: Sums,
    /// The bytes of its texts, as they are stored.
    pub text_bytes: usize,
}

impl StoredLedger {
    /// A ledger whose counts are those of the totals.
    pub fn new(ledger: Ledger) -> Self {
        let text_bytes = ledger.received_json().len() + ledger.dropped_json().len();
        Self { sums: ledger.sums(), text_bytes, ledger }
    }
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
    /// The ledgers of these producers in these sources, or else those that are shared.
    pub ledgers: HashSet<LedgerKey<'a>>,
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
            wanted.ledgers.extend(ledger_keys(plan, applied));
            let mut last = None;
            for event in &plan.events {
                if let EventIdentity::ClientId(id) = &event.identity {
                    wanted.client_ids.insert(ClientIdKey::new(plan, id));
                }
                // Mostly, all events of a payload are of one user.
                let profile = WantedProfile::of(event);
                if profile != last {
                    wanted.add_profile(profile);
                    last = profile;
                }
            }
        }
        wanted
    }

    /// What tells whether `event` arrived before.
    pub(super) fn identity(&mut self, plan: &'a Plan, event: &'a PlannedEvent) {
        match &event.identity {
            EventIdentity::Numbered(producer, _) => {
                self.ledgers.insert(LedgerKey::own(&plan.source, *producer));
            }
            EventIdentity::ClientId(id) => {
                self.client_ids.insert(ClientIdKey::new(plan, id));
            }
            EventIdentity::Anonymous => {}
        }
    }

    /// The profile of the event's user, if the event can be stored.
    pub(super) fn profile(&mut self, event: &'a PlannedEvent) {
        self.add_profile(WantedProfile::of(event));
    }

    fn add_profile(&mut self, profile: Option<WantedProfile<'a>>) {
        let Some(WantedProfile { key, with_words }) = profile else { return };
        self.profiles.insert(key);
        if with_words {
            self.words.insert(key);
        }
    }
}

/// The profile of an event's user.
#[derive(Clone, Copy, PartialEq, Eq)]
struct WantedProfile<'a> {
    key: ProfileKey<'a>,
    /// Whether the event may add to it.
    with_words: bool,
}

impl<'a> WantedProfile<'a> {
    /// That of an event that can be stored.
    fn of(event: &'a PlannedEvent) -> Option<Self> {
        let columns = event.columns()?;
        let key = ProfileKey::of(columns)?;
        Some(Self { key, with_words: ProfileNote::may_be_in(&columns.name) })
    }
}

/// The ledgers that applying a payload for the first time needs: none if it was applied before. A
/// key may occur more than once.
pub fn ledger_keys<'a>(plan: &'a Plan, applied: &Payloads) -> Vec<LedgerKey<'a>> {
    if applied.contains(&plan.payload) {
        return Vec::new();
    }
    let declared = plan.notes.iter().map(|(producer, _)| *producer);
    let arrived = plan.events.iter().filter_map(|event| match event.identity {
        EventIdentity::Numbered(producer, _) => Some(producer),
        EventIdentity::ClientId(_) | EventIdentity::Anonymous => None,
    });
    let mut producers: Vec<Producer> = declared.chain(arrived).collect();
    producers.dedup();
    producers.into_iter().map(|producer| LedgerKey::own(&plan.source, producer)).collect()
}

/// What was read. What is not in it is not in the database.
#[derive(Debug, Default)]
pub struct Known<'a> {
    /// Ledgers.
    pub ledgers: HashMap<LedgerKey<'a>, StoredLedger>,
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
