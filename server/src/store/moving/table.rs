//! The tables of an installation, as both kinds of databases have them.

use super::Value;

/// A table that is moved. What is left out: sessions, which end with a server, and what a live view
/// shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the table of its name")]
pub enum Table {
    Keys,
    Sinks,
    Replays,
    SavedViews,
    Payloads,
    PayloadQueue,
    SetAside,
    DiscardedSums,
    Events,
    Runs,
    ProfileVersions,
    Outcomes,
    Producers,
    Sources,
    Totals,
    EventIds,
    Applied,
    ProfileStates,
    ProfileWords,
    SinkCounts,
    Deliveries,
    DeliveryQueue,
    DeadLetters,
    DiscardedLetters,
    Trends,
    TrendMark,
    AlertStates,
    AlertMark,
    AlertNotices,
    Tallies,
    TallyDetails,
    Weeks,
}

/// A table to which servers add rows while others are moved to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    /// How many of its first columns say which row it is.
    pub key: usize,
    /// How many of its first columns servers leave as they were moved.
    pub kept: usize,
}

impl Shared {
    /// The columns that say which row it is.
    pub fn key(self, row: &[Value]) -> &[Value] {
        row.get(..self.key).unwrap_or(row)
    }

    /// The columns that servers leave as they were moved.
    pub fn kept(self, row: &[Value]) -> &[Value] {
        row.get(..self.kept).unwrap_or(row)
    }
}

impl Table {
    /// All of them, in the order in which they are moved: what others refer to comes first.
    pub const ALL: [Self; 32] = [
        Self::Keys,
        Self::Sinks,
        Self::Replays,
        Self::SavedViews,
        Self::Payloads,
        Self::PayloadQueue,
        Self::SetAside,
        Self::DiscardedSums,
        Self::Events,
        Self::Runs,
        Self::ProfileVersions,
        Self::Outcomes,
        Self::Producers,
        Self::Sources,
        Self::Totals,
        Self::EventIds,
        Self::Applied,
        Self::ProfileStates,
        Self::ProfileWords,
        Self::SinkCounts,
        Self::Deliveries,
        Self::DeliveryQueue,
        Self::DeadLetters,
        Self::DiscardedLetters,
        Self::Trends,
        Self::TrendMark,
        Self::AlertStates,
        Self::AlertMark,
        Self::AlertNotices,
        Self::Tallies,
        Self::TallyDetails,
        Self::Weeks,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Sinks => "sinks",
            Self::Replays => "replays",
            Self::SavedViews => "saved_views",
            Self::Payloads => "payloads",
            Self::PayloadQueue => "payload_queue",
            Self::SetAside => "set_aside",
            Self::DiscardedSums => "discarded_sums",
            Self::Events => "events",
            Self::Runs => "runs",
            Self::ProfileVersions => "profile_versions",
            Self::Outcomes => "outcomes",
            Self::Producers => "producers",
            Self::Sources => "sources",
            Self::Totals => "totals",
            Self::EventIds => "event_ids",
            Self::Applied => "applied",
            Self::ProfileStates => "profile_states",
            Self::ProfileWords => "profile_words",
            Self::SinkCounts => "sink_counts",
            Self::Deliveries => "deliveries",
            Self::DeliveryQueue => "delivery_queue",
            Self::DeadLetters => "dead_letters",
            Self::DiscardedLetters => "discarded_letters",
            Self::Trends => "trends",
            Self::TrendMark => "trend_mark",
            Self::AlertStates => "alert_states",
            Self::AlertMark => "alert_mark",
            Self::AlertNotices => "alert_notices",
            Self::Tallies => "tallies",
            Self::TallyDetails => "tally_details",
            Self::Weeks => "weeks",
        }
    }

    /// Whether each week has its own.
    pub const fn is_of_week(self) -> bool {
        matches!(self, Self::Events | Self::Runs | Self::ProfileVersions)
    }

    /// Whether a server needs it to take events: it is moved when a migration begins.
    pub const fn is_needed_first(self) -> bool {
        matches!(self, Self::Keys | Self::Sinks | Self::Replays | Self::SavedViews)
    }

    /// What of it is compared with a database whose servers add rows to it during a migration.
    pub const fn shared(self) -> Option<Shared> {
        const ALL: usize = usize::MAX;
        match self {
            Self::Keys | Self::Replays | Self::Payloads | Self::PayloadQueue => {
                Some(Shared { key: 1, kept: ALL })
            }
            Self::SavedViews => Some(Shared { key: 2, kept: ALL }),
            // A server that starts says what it is, and lets it continue.
            Self::Sinks => Some(Shared { key: 1, kept: 2 }),
            _ => None,
        }
    }
}
