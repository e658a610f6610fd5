//! Producers, as reads return them.

use lamplight_wire::{Producer, Ranges};

use super::ledger::{Ledger, Sums};

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
    /// How many did not arrive and were not declared.
    pub missing: u64,
    /// The numbers that did not arrive.
    pub unarrived: Unarrived,
    /// The highest number that it claims to have assigned, if that is further ahead of what arrived
    /// than is believed.
    pub claimed: Option<u64>,
    /// How many declared numbers its ledger had no room for, at most.
    pub refused: u64,
    /// How complete its events are.
    pub verdict: Completeness,
    /// When its first payload was received, in milliseconds since 1970.
    pub first_heard_ms: i64,
    /// When its last payload was received, in milliseconds since 1970.
    pub last_heard_ms: i64,
    /// The whole ledger, which decides about each of its numbers.
    pub ledger: Ledger,
}

impl ProducerRow {
    /// Its position in the list.
    pub fn cursor(&self) -> ProducerCursor {
        ProducerCursor {
            last_heard_ms: self.last_heard_ms,
            producer: self.producer,
            scope: self.ledger.scope().to_owned(),
        }
    }

    /// How many did not arrive and were declared as dropped.
    pub fn declared(&self) -> u64 {
        self.made.saturating_sub(self.received).saturating_sub(self.missing)
    }

    /// How many ranges of numbers it holds, about.
    pub fn ranges(&self) -> usize {
        self.unarrived.ranges().max(self.ledger.ranges())
    }
}

/// A page of the numbers of one producer that did not arrive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unarrived {
    /// Those that were not declared.
    pub holes: Ranges,
    /// Those that it declared as dropped, by reason.
    pub declared: Vec<(String, Ranges)>,
    /// The number after which the next page starts, if there are more ranges.
    pub next: Option<u64>,
}

impl Unarrived {
    /// How many ranges are listed.
    pub fn ranges(&self) -> usize {
        let declared = self.declared.iter().map(|(_, ranges)| ranges.as_slice().len());
        self.holes.as_slice().len() + declared.sum::<usize>()
    }
}

/// The position of a producer in the list. A page starts after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProducerCursor {
    /// When its last payload was received, in milliseconds since 1970.
    pub last_heard_ms: i64,
    /// Its id.
    pub producer: Producer,
    /// The scope of its ledger.
    pub scope: String,
}

/// Which producers to list.
#[derive(Debug, Clone)]
pub struct ProducerQuery {
    /// Only those that are this complete.
    pub verdict: Option<Completeness>,
    /// Only those of this source.
    pub source: Option<String>,
    /// Only this one, in every source.
    pub producer: Option<Producer>,
    /// Lists numbers that did not arrive only above this one.
    pub after_number: u64,
    /// The position to start after. From the beginning without one.
    pub after: Option<ProducerCursor>,
    /// The largest number of results.
    pub limit: u32,
    /// The current time, which decides between in flight and lost.
    pub now_ms: i64,
}

/// The most ranges of numbers that are listed for each producer.
pub const LISTED_RANGES_MAX: usize = 1_000;

impl ProducerQuery {
    /// Whether it asks for a producer of this source that is this complete.
    pub fn wants(&self, verdict: Completeness, source: &str) -> bool {
        self.verdict.is_none_or(|wanted| wanted == verdict)
            && self.source.as_deref().is_none_or(|wanted| wanted == source)
    }

    /// The row of a producer.
    pub fn row(&self, producer: Producer, sums: Sums, ledger: &Ledger) -> ProducerRow {
        let claimed = ledger.claimed();
        ProducerRow {
            producer,
            source: ledger.source.clone(),
            made: sums.made,
            received: sums.received,
            missing: sums.missing,
            unarrived: ledger.unarrived(self.after_number, LISTED_RANGES_MAX),
            claimed: (claimed > ledger.believed()).then_some(claimed),
            refused: ledger.refused,
            verdict: sums.verdict(ledger.last_heard_ms, self.now_ms),
            first_heard_ms: ledger.first_heard_ms,
            last_heard_ms: ledger.last_heard_ms,
            ledger: ledger.clone(),
        }
    }
}

/// A page of producers.
#[derive(Debug, Clone, Default)]
pub struct ProducerPage {
    /// The producers, by their last payload, newest first.
    pub producers: Vec<ProducerRow>,
    /// Where the next page starts, if there may be more.
    pub next: Option<ProducerCursor>,
}
