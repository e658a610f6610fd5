//! Producers as they are listed.

use lamplight_wire::{Producer, Ranges};

/// How long after a producer was last heard from its holes may still be filled: its browser may come back
/// and send what it kept. 30 days.
pub const IN_FLIGHT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What can be said about all the events of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Completeness {
    /// All arrived.
    Complete,
    /// Some did not arrive, and still may.
    InFlight,
    /// Some did not arrive, and the client said that it gave up each of them.
    Declared,
    /// Some did not arrive and will not.
    Lost,
}

impl Completeness {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::InFlight => "in_flight",
            Self::Declared => "declared",
            Self::Lost => "lost",
        }
    }

    /// The verdict with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Complete, Self::InFlight, Self::Declared, Self::Lost]
            .into_iter()
            .find(|verdict| verdict.name() == name)
    }
}

/// One producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerRow {
    /// Its name.
    pub producer: Producer,
    /// The source it was first heard from.
    pub source: String,
    /// How many events it made, as far as it said.
    pub made: u64,
    /// How many of them arrived.
    pub received: u64,
    /// The numbers that did not arrive and were not declared.
    pub holes: Ranges,
    /// The numbers it gave up, by reason, and that did not arrive.
    pub declared: Vec<(String, Ranges)>,
    /// What can be said about all of them.
    pub verdict: Completeness,
    /// When it was first heard from, in milliseconds since 1970.
    pub first_heard_ms: i64,
    /// When it was last heard from.
    pub last_heard_ms: i64,
}

/// Where a page of producers starts: after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerCursor {
    /// When the last one of the page before was heard from.
    pub last_heard_ms: i64,
    /// Its name.
    pub producer: Producer,
}

/// Which producers to list.
#[derive(Debug, Clone)]
pub struct ProducerQuery {
    /// Only those with this verdict.
    pub verdict: Option<Completeness>,
    /// Only those first heard from this source.
    pub source: Option<String>,
    /// Where to start.
    pub after: Option<ProducerCursor>,
    /// At most this many.
    pub limit: u32,
    /// The time now, which decides between in flight and lost.
    pub now_ms: i64,
}

/// A page of producers.
#[derive(Debug, Clone, Default)]
pub struct ProducerPage {
    /// The producers, the one heard from last first.
    pub producers: Vec<ProducerRow>,
    /// Where the next page starts, if there is more to look at.
    pub next: Option<ProducerCursor>,
}
