//! Groups of errors.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::counts::Counts;

/// The most characters that are kept of a message.
const MESSAGE_CHARS_MAX: usize = 300;

/// Where an error happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorStage {
    /// A request to intake was refused.
    Intake,
    /// An event is invalid.
    Event,
    /// Processing a payload failed, or it was set aside.
    Process,
    /// An attempt to deliver an event failed.
    Delivery,
}

impl ErrorStage {
    /// Every stage.
    pub const ALL: [Self; 4] = [Self::Intake, Self::Event, Self::Process, Self::Delivery];

    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Event => "event",
            Self::Process => "process",
            Self::Delivery => "delivery",
        }
    }

    /// The stage with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

/// What the id of a sample belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleKind {
    /// An event, or the arrival of one.
    Event,
    /// A payload.
    Payload,
    /// The event of a delivery.
    Delivery,
}

/// One error of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorSample {
    /// What to open, if anything of it was stored.
    pub of: Option<(SampleKind, String)>,
    /// What was wrong, at most 300 characters.
    pub message: String,
}

impl ErrorSample {
    /// A sample with the beginning of this message.
    pub fn new(of: Option<(SampleKind, Uuid)>, message: &str) -> Self {
        let of = of.map(|(kind, id)| (kind, id.to_string()));
        Self { of, message: message.chars().take(MESSAGE_CHARS_MAX).collect() }
    }
}

/// Errors of one group that happened outside of the transactions that store events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// Where.
    pub stage: ErrorStage,
    /// The code in the API.
    pub code: &'static str,
    /// The source, or the sink of deliveries. Empty if neither is known.
    pub owner: String,
    /// When the first of them happened, in milliseconds since 1970.
    pub first_ms: i64,
    /// When the last of them happened.
    pub last_ms: i64,
    /// How many.
    pub count: i64,
    /// The last of them.
    pub sample: ErrorSample,
}

/// Errors with the same stage, code, and source or sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorGroup {
    /// Where.
    pub stage: ErrorStage,
    /// The code. Empty for those that are counted together, because there are too many groups.
    pub code: String,
    /// The source, or the sink of deliveries. Empty if neither is known.
    pub owner: String,
    /// How many, and when.
    pub counts: Counts,
    /// One of the last.
    pub sample: Option<ErrorSample>,
    /// Its number in the database.
    pub number: i64,
}

/// A place in the list of groups, which is after this one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorCursor {
    /// When the last error of it happened.
    pub last_ms: i64,
    /// Where.
    pub stage: ErrorStage,
    /// The source or sink.
    pub owner: String,
    /// The code.
    pub code: String,
}

/// Which groups to read.
#[derive(Debug, Clone)]
pub struct ErrorQuery {
    /// Only of this stage.
    pub stage: Option<ErrorStage>,
    /// Only of this source.
    pub source: Option<String>,
    /// Only of this sink.
    pub sink: Option<String>,
    /// Only those after this place.
    pub after: Option<ErrorCursor>,
    /// The most groups.
    pub limit: u32,
}

/// Groups of errors, most recent first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorPage {
    /// The groups.
    pub groups: Vec<ErrorGroup>,
    /// Where the next page begins.
    pub next: Option<ErrorCursor>,
}

impl ErrorGroup {
    fn place(&self) -> ErrorCursor {
        ErrorCursor {
            last_ms: self.counts.last_ms,
            stage: self.stage,
            owner: self.owner.clone(),
            code: self.code.clone(),
        }
    }
}

impl ErrorQuery {
    fn wants(&self, group: &ErrorGroup) -> bool {
        let is_delivery = group.stage == ErrorStage::Delivery;
        self.stage.is_none_or(|stage| stage == group.stage)
            && self.source.as_ref().is_none_or(|it| !is_delivery && *it == group.owner)
            && self.sink.as_ref().is_none_or(|it| is_delivery && *it == group.owner)
            && self.after.as_ref().is_none_or(|after| group.place() < *after)
    }

    /// The page of `groups`, which are all that there are: their number is limited.
    pub fn page(&self, groups: impl IntoIterator<Item = ErrorGroup>) -> ErrorPage {
        let mut groups: Vec<_> = groups.into_iter().filter(|it| self.wants(it)).collect();
        groups.sort_by_cached_key(|group| std::cmp::Reverse(group.place()));
        let limit = self.limit as usize;
        let next = (groups.len() > limit)
            .then(|| groups.get(limit.saturating_sub(1)).map(ErrorGroup::place))
            .flatten();
        groups.truncate(limit);
        ErrorPage { groups, next }
    }
}
