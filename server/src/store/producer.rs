//! Producers, as reads return them.

use lamplight_wire::{Producer, Ranges};

/// How long a hole counts as in flight after the producer's last payload: its browser may come back
/// and send what it kept. 30 days.
pub const IN_FLIGHT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// How complete the events of one producer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Completeness {
    /// All arrived.
    Complete,
    /// Some did not arrive, and still may.
    InFlight,
    /// Some did not arrive, and the client declared each of them as dropped.
    Declared,
    /// Some did not arrive and will not.
    Lost,
}

impl Completeness {
    /// The name in the API and in databases. It never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::InFlight => "in_flight",
            Self::Declared => "declared",
            Self::Lost => "lost",
        }
    }

    /// The value with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Complete, Self::InFlight, Self::Declared, Self::Lost]
            .into_iter()
            .find(|verdict| verdict.name() == name)
    }
}

/// One producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerRow {
    /// Its id.
    pub producer: Producer,
    /// The source of its first payload.
    pub source: String,
    /// How many events it made, as far as is known.
    pub made: u64,
    /// How many of them arrived.
    pub received: u64,
    /// The numbers that did not arrive and were not declared.
    pub holes: Ranges,
    /// The numbers that it declared as dropped and that did not arrive, by reason.
    pub declared: Vec<(String, Ranges)>,
    /// How complete its events are.
    pub verdict: Completeness,
    /// When its first payload was received, in milliseconds since 1970.
    pub first_heard_ms: i64,
    /// When its last payload was received, in milliseconds since 1970.
    pub last_heard_ms: i64,
}

/// The position of a producer in the list. A page starts after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerCursor {
    /// When its last payload was received, in milliseconds since 1970.
    pub last_heard_ms: i64,
    /// Its id.
    pub producer: Producer,
}

/// Which producers to list.
#[derive(Debug, Clone)]
pub struct ProducerQuery {
    /// Only those that are this complete.
    pub verdict: Option<Completeness>,
    /// Only those of this source.
    pub source: Option<String>,
    /// The position to start after. From the beginning without one.
    pub after: Option<ProducerCursor>,
    /// The largest number of results.
    pub limit: u32,
    /// The current time, which decides between in flight and lost.
    pub now_ms: i64,
}

/// A page of producers.
#[derive(Debug, Clone, Default)]
pub struct ProducerPage {
    /// The producers, by their last payload, newest first.
    pub producers: Vec<ProducerRow>,
    /// Where the next page starts, if there may be more.
    pub next: Option<ProducerCursor>,
}
