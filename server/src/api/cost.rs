//! What calls of the API cost. Calls of one cost class share places, and those of different classes
//! never wait for each other.

use std::time::Duration;

/// What a call costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CostClass {
    /// A few rows: totals, queues, keys.
    Summary,
    /// A page of a list, or one event.
    List,
    /// A count over many rows.
    Count,
    /// An SQL statement, which runs in a process of its own.
    Statement,
    /// A live stream, which stays open.
    Stream,
    /// An export, which stays open until its client has read it.
    Export,
    /// A change.
    Change,
    /// Memory of an answer that its client has not read yet, in KiB. No call has this class.
    Answer,
}

/// How many places a class has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// In all.
    pub(super) places: u32,
    /// For one token: fewer, so that it never takes all.
    pub(super) places_per_token: u32,
    /// How many calls may wait for a place.
    pub(super) waiting: u32,
    /// How many of one token.
    pub(super) waiting_per_token: u32,
    /// How long a call may wait.
    pub(super) wait_max: Duration,
    /// What takes a place, for messages.
    pub(super) noun: &'static str,
}

impl CostClass {
    /// Every class.
    pub const ALL: [Self; 8] = [
        Self::Summary,
        Self::List,
        Self::Count,
        Self::Statement,
        Self::Stream,
        Self::Export,
        Self::Change,
        Self::Answer,
    ];

    pub(super) fn bounds(self) -> Bounds {
        let queued = |places, waiting, wait_s, noun| Bounds {
            places,
            places_per_token: places - places / 4,
            waiting,
            waiting_per_token: waiting - waiting / 3,
            wait_max: Duration::from_secs(wait_s),
            noun,
        };
        let at_once = |places, places_per_token, noun| Bounds {
            places,
            places_per_token,
            waiting: 0,
            waiting_per_token: 0,
            wait_max: Duration::ZERO,
            noun,
        };
        match self {
            Self::Summary => queued(8, 96, 10, "summaries"),
            Self::List => queued(4, 48, 10, "lists"),
            Self::Count => queued(4, 48, 10, "counts"),
            Self::Statement => queued(5, 24, 5, "SQL statements"),
            Self::Change => queued(8, 48, 10, "changes"),
            Self::Stream => at_once(128, 64, "live streams"),
            Self::Export => at_once(4, 3, "exports"),
            Self::Answer => at_once(64 * 1024, 48 * 1024, "KiB of answers that are not read yet"),
        }
    }
}

/// The cost of a call, as the type of its caller's extractor.
pub trait Cost: Send + 'static {
    /// Its class.
    const CLASS: CostClass;
}

macro_rules! costs {
    ($($name:ident),+) => {
        $(
            #[doc = concat!("[`CostClass::", stringify!($name), "`].")]
            #[derive(Debug)]
            pub enum $name {}

            impl Cost for $name {
                const CLASS: CostClass = CostClass::$name;
            }
        )+
    };
}

costs!(Summary, List, Count, Statement, Stream, Export, Change);
