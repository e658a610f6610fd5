//! What applying plans writes.

use std::borrow::Cow;
use std::collections::HashMap;

use lamplight_wire::Producer;
use lamplight_wire::reason::InvalidReason;

use super::{ClientIdKey, ClientIdOwner, SourceChange, TotalsChange};
use crate::store::ledger::{Ledger, Sums};
use crate::store::{
    Applied, DeliveryState, EventColumns, Outcome, Plan, PlannedEvent, ProfileKey, ProfileVersion,
    RefusedContent, RowId, Week, Word, WordName,
};

/// Everything that one transaction writes.
#[derive(Debug, Default)]
pub struct Writes<'a> {
    /// Payloads that are applied now, each with how many of its events ended how.
    pub payloads: Vec<AppliedPayload<'a>>,
    /// Rows of `events`, in the order of their payloads and of their places there.
    pub rows: Vec<NewRow<'a>>,
    /// Arrivals that get no row.
    pub not_stored: Vec<NotStored<'a>>,
    /// Ledgers, whole.
    pub ledgers: Vec<LedgerWrite>,
    /// What changes in the counts of each source.
    pub sources: HashMap<String, SourceChange>,
    /// Ids that clients gave. One that belongs to a refused arrival may get another owner.
    pub client_ids: Vec<ClientIdWrite<'a>>,
    /// Profiles that changed, or that a later week has an event of.
    pub profiles: Vec<ProfileWrite<'a>>,
    /// Versions of profiles that rows refer to, in order. All belong to the week of the rows.
    pub versions: Vec<VersionWrite<'a>>,
    /// Deliveries. One whose log has a line already is left as it is.
    pub deliveries: Vec<Delivery>,
    /// What changes in the counts of everything.
    pub totals: TotalsChange,
    /// Rows that are there, and whose times, user and enrichment are replaced. A row whose user
    /// changes has no profile. Only a replay has any.
    pub rewrites: Vec<(RowId, &'a EventColumns)>,
    /// Arrivals that were refused and get a row after all. Only a replay has any.
    pub accepted: Vec<(&'a Plan, RowId)>,
}

/// A payload that is applied for the first time.
#[derive(Debug)]
pub struct AppliedPayload<'a> {
    /// The payload.
    pub plan: &'a Plan,
    /// How its events ended.
    pub applied: Applied,
}

/// A row of `events`.
#[derive(Debug)]
pub struct NewRow<'a> {
    /// The payload that it came in.
    pub plan: &'a Plan,
    /// Its name and its place.
    pub event: &'a PlannedEvent,
    /// Its columns.
    pub columns: &'a EventColumns,
    /// What was known about its user at that moment.
    pub profile: Option<RowProfile<'a>>,
    /// The scope of the ledger that counts its number.
    pub scope: &'a str,
}

/// The version of a profile that a row refers to.
#[derive(Debug, Clone, Copy)]
pub struct RowProfile<'a> {
    /// Whose it is.
    pub key: ProfileKey<'a>,
    /// The version's number.
    pub revision: u64,
}

/// An arrival that gets no row.
#[derive(Debug)]
pub struct NotStored<'a> {
    /// The payload that it came in.
    pub plan: &'a Plan,
    /// Its name and its place.
    pub event: &'a PlannedEvent,
    /// How it ended: a duplicate or invalid.
    pub outcome: Outcome,
    /// Why it is invalid, and what was wrong, for people.
    pub reason: Option<(InvalidReason, String)>,
    /// What could be read of it, if it is invalid.
    pub content: Option<Cow<'a, RefusedContent>>,
}

/// The owner of an id that a client gave.
#[derive(Debug)]
pub struct ClientIdWrite<'a> {
    /// The id.
    pub key: ClientIdKey<'a>,
    /// Its owner.
    pub owner: ClientIdOwner,
    /// When that was received, in milliseconds since 1970.
    pub received_ms: i64,
}

/// A ledger as it stands now.
#[derive(Debug)]
pub struct LedgerWrite {
    /// Whose it is.
    pub producer: Producer,
    /// The ledger.
    pub ledger: Ledger,
    /// Its counts.
    pub sums: Sums,
    /// Whether its ranges differ from those that are stored.
    pub has_new_ranges: bool,
    /// The bytes of its texts that are stored, 0 for a new one. An empty text has two.
    pub text_bytes_before: usize,
    /// How many numbers had arrived, as it is stored.
    pub received_before: u64,
}

impl LedgerWrite {
    /// Whether no row of it is stored.
    pub const fn is_new(&self) -> bool {
        self.text_bytes_before == 0
    }
}

/// A profile as it stands now.
#[derive(Debug)]
pub struct ProfileWrite<'a> {
    /// Whose it is.
    pub key: ProfileKey<'a>,
    /// How often what events show of it changed.
    pub revision: u64,
    /// Whether there is nothing to show.
    pub is_empty: bool,
    /// The newest week with an event of its user.
    pub week: Week,
    /// Words that changed. One without a value is deleted.
    pub words: Vec<(WordName, Option<Word>)>,
}

/// A new version of a profile.
#[derive(Debug)]
pub struct VersionWrite<'a> {
    /// Whose it is.
    pub key: ProfileKey<'a>,
    /// The version.
    pub version: ProfileVersion,
}

/// The first line in the log of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event.
    pub event: RowId,
    /// The position of the sink among the routes.
    pub route: usize,
    /// Queued, or dropped at once.
    pub state: DeliveryState,
    /// Why it was dropped: a code, and a sentence for people.
    pub reason: Option<(&'static str, &'static str)>,
    /// About how many bytes the event takes.
    pub bytes: u64,
}
