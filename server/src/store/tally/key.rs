//! What is tallied, and how many tallies there may be.

use std::borrow::Cow;
use std::fmt;

use super::counts::Kept;
use super::errors::ErrorStage;

/// The most names of one source that have a tally of their own.
pub const NAMES_MAX: usize = 2_000;
/// The most groups of errors of one stage, beside those of codes that are counted together.
pub const GROUPS_MAX: usize = 1_000;
/// The label of the tally of everything for which there is no room. No event has an empty name.
pub const OVERFLOW: &str = "";

/// What a tally counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TallyKind {
    /// Stored events of a source with a name.
    Name,
    /// Stored events of a source.
    Stored,
    /// Duplicates of a source.
    Duplicates,
    /// Invalid events of a source.
    Invalid,
    /// Errors of a stage, by code and by source or sink.
    Error(ErrorStage),
}

impl TallyKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Name,
        Self::Stored,
        Self::Duplicates,
        Self::Invalid,
        Self::Error(ErrorStage::Intake),
        Self::Error(ErrorStage::Event),
        Self::Error(ErrorStage::Process),
        Self::Error(ErrorStage::Delivery),
    ];

    /// The number in databases. It never changes.
    pub const fn number(self) -> i64 {
        match self {
            Self::Name => 1,
            Self::Stored => 2,
            Self::Duplicates => 3,
            Self::Invalid => 4,
            Self::Error(ErrorStage::Intake) => 5,
            Self::Error(ErrorStage::Event) => 6,
            Self::Error(ErrorStage::Process) => 7,
            Self::Error(ErrorStage::Delivery) => 8,
        }
    }

    /// The kind with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// How many periods are kept.
    pub const fn kept(self) -> Kept {
        match self {
            Self::Name | Self::Error(_) => Kept { minutes: 60, hours: 48, days: 90 },
            Self::Stored | Self::Duplicates | Self::Invalid => {
                Kept { minutes: 180, hours: 336, days: 400 }
            }
        }
    }
}

/// A tally.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TallyKey<'a> {
    /// What it counts.
    pub kind: TallyKind,
    /// The source, or the sink of deliveries. Empty if neither is known.
    pub owner: Cow<'a, str>,
    /// The name of events, or the code of errors.
    pub label: Cow<'a, str>,
}

/// The tallies that share a limit: the names of a source, so that nobody who has the key of one
/// source takes the room of another, or the errors of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TallyOwner(TallyKind, String);

impl TallyOwner {
    /// What its tallies count.
    pub fn kind(&self) -> TallyKind {
        self.0
    }

    /// The source, if its tallies are those of one.
    pub fn source(&self) -> Option<&str> {
        (!matches!(self.0, TallyKind::Error(_))).then_some(self.1.as_str())
    }
}

impl fmt::Display for TallyKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (owner, label) = (&self.owner, &self.label);
        match self.kind {
            TallyKind::Name if label == OVERFLOW => write!(f, "other names of source {owner:?}"),
            TallyKind::Name => write!(f, "name {label:?} of source {owner:?}"),
            TallyKind::Stored => write!(f, "events of source {owner:?}"),
            TallyKind::Duplicates => write!(f, "duplicates of source {owner:?}"),
            TallyKind::Invalid => write!(f, "invalid events of source {owner:?}"),
            TallyKind::Error(ErrorStage::Delivery) => {
                write!(f, "errors {label:?} of sink {owner:?}")
            }
            TallyKind::Error(_) => write!(f, "errors {label:?} of source {owner:?}"),
        }
    }
}

impl<'a> TallyKey<'a> {
    /// A tally of this kind.
    pub fn new(kind: TallyKind, owner: &'a str, label: &'a str) -> Self {
        Self { kind, owner: Cow::Borrowed(owner), label: Cow::Borrowed(label) }
    }

    /// The same, with texts of its own.
    pub fn into_owned(self) -> TallyKey<'static> {
        TallyKey {
            kind: self.kind,
            owner: Cow::Owned(self.owner.into_owned()),
            label: Cow::Owned(self.label.into_owned()),
        }
    }

    /// Whose limit it counts in.
    pub fn counted_for(&self) -> TallyOwner {
        match self.kind {
            TallyKind::Error(_) => TallyOwner(self.kind, String::new()),
            kind => TallyOwner(kind, self.owner.clone().into_owned()),
        }
    }

    /// Whether its owner may have a number of tallies only.
    pub fn is_limited(&self) -> bool {
        matches!(self.kind, TallyKind::Name | TallyKind::Error(_))
    }

    /// The tally that counts instead of this one, which is new, while `known` others share its
    /// limit: itself, or the one of everything for which there is no room.
    #[must_use]
    pub fn admitted(self, known: usize) -> Self {
        let max = match self.kind {
            TallyKind::Name => NAMES_MAX,
            TallyKind::Error(_) => GROUPS_MAX,
            TallyKind::Stored | TallyKind::Duplicates | TallyKind::Invalid => return self,
        };
        if known < max || self.label == OVERFLOW {
            return self;
        }
        let owner = match self.kind {
            TallyKind::Error(_) => Cow::Borrowed(""),
            _ => self.owner,
        };
        Self { kind: self.kind, owner, label: Cow::Borrowed(OVERFLOW) }
    }
}
