//! A model of the server: the record of (producer, seq), and every kind of bad response.

use std::collections::{BTreeMap, BTreeSet};

use lamplight_sdk::ports::Response;
use lamplight_wire::batch::Body;
use lamplight_wire::event::{Event, EventIdentity};
use lamplight_wire::{Producer, Ranges};

use crate::simulation::random::SeededRandom;

/// An event's identity.
pub(crate) type EventId = (Producer, u64);

/// How the server behaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerMode {
    Healthy,
    /// Requests and responses get lost.
    Lossy,
    Overloaded,
    RateLimiting,
    Failing,
    Unreachable,
    /// A captive portal answers 200 to everything.
    CaptivePortal,
}

impl ServerMode {
    pub(crate) fn any(random: &mut SeededRandom) -> Self {
        match random.between(0, 9) {
            0..3 => Self::Healthy,
            3 => Self::Lossy,
            4 => Self::Overloaded,
            5 => Self::RateLimiting,
            6 => Self::Failing,
            7 => Self::Unreachable,
            _ => Self::CaptivePortal,
        }
    }
}

/// What the server has recorded.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// How often each event was accepted.
    pub(crate) accepted: BTreeMap<EventId, u64>,
    /// Events whose acceptance a tab has read.
    pub(crate) acknowledged: BTreeSet<EventId>,
    /// How often an event was accepted again afterwards.
    pub(crate) needless: u64,
    /// Events that clients declared as dropped.
    pub(crate) declared: BTreeSet<EventId>,
    /// `next`, by producer.
    pub(crate) next: BTreeMap<Producer, u64>,
    /// Which questions about arrived numbers it answers.
    pub(crate) answers: Answers,
    /// Numbers that it said have arrived.
    pub(crate) told_arrived: u64,
}

/// Which questions about arrived numbers a server answers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Those about what it has processed so far.
    #[default]
    Processed,
    /// All.
    All,
    /// None: it is older than the question.
    None,
    /// All, and with numbers that have not arrived.
    Invented,
}

/// The name of events that the server always rejects.
pub(crate) const REJECTED_NAME: &str = "reject";

fn response(status: u16, body: &str, retry_after_ms: Option<u64>) -> Option<Response> {
    Some(Response { status, body: body.into(), retry_after_ms })
}

impl Ledger {
    /// Whether an event was accepted, or declared as dropped.
    pub(crate) fn knows(&self, id: EventId) -> bool {
        self.accepted.contains_key(&id) || self.declared.contains(&id)
    }

    /// Handles a request. `None` when the request or its response is lost.
    pub(crate) fn take(
        &mut self,
        server_mode: ServerMode,
        random: &mut SeededRandom,
        body: &str,
    ) -> Option<Response> {
        match server_mode {
            ServerMode::Healthy => self.accept(random, body),
            ServerMode::Lossy if random.percent(30) => None,
            ServerMode::Lossy => {
                let is_lost = random.percent(30);
                let response = self.accept(random, body);
                response.filter(|_| !is_lost)
            }
            ServerMode::Overloaded => {
                let asked_ms = random.percent(50).then(|| random.between(1, 10) * 1_000);
                response(503, r#"{"code":"overloaded"}"#, asked_ms)
            }
            ServerMode::RateLimiting => response(429, r#"{"code":"limited"}"#, Some(2_000)),
            ServerMode::Failing => response(500, "oops", None),
            ServerMode::Unreachable => response(0, "", None),
            ServerMode::CaptivePortal => response(200, "<h1>Welcome</h1>", None),
        }
    }

    fn accept(&mut self, random: &mut SeededRandom, body: &str) -> Option<Response> {
        let batch = Body::read(body).unwrap_or_else(|error| panic!("not a batch: {error}: {body}"));
        let events: Vec<Event<'_>> =
            batch.events.iter().map(|text| Event::read(text).expect("an event reads")).collect();
        // Represents an event with broken text: the server refuses the entire request.
        if events.iter().any(|event| event.name == REJECTED_NAME) {
            return response(400, r#"{"code":"not_json"}"#, None);
        }
        let producers: Vec<Producer> = batch.producers.iter().map(|(it, _)| *it).collect();
        for (producer, note) in batch.producers {
            let next = self.next.entry(producer).or_default();
            *next = note.next.max(*next);
            for (_, ranges) in note.dropped {
                for (from, to) in ranges.as_slice() {
                    self.declared.extend((*from..=*to).map(|seq| (producer, seq)));
                }
            }
        }
        for event in events {
            let EventIdentity::Numbered(producer, seq) = event.identity else {
                panic!("no number")
            };
            *self.accepted.entry((producer, seq)).or_default() += 1;
            self.needless += u64::from(self.acknowledged.contains(&(producer, seq)));
        }
        if batch.asks_arrived && self.answers != Answers::None {
            let arrived: Vec<String> =
                producers.into_iter().map(|producer| self.arrived(random, producer)).collect();
            let body = format!(r#"{{"status":"OK","arrived":{{{}}}}}"#, arrived.join(","));
            return response(200, &body, None);
        }
        response(200, r#"{"status":"OK"}"#, None)
    }

    /// The member of an answer that has a producer's numbers.
    fn arrived(&mut self, random: &mut SeededRandom, producer: Producer) -> String {
        let of_producer = (producer, 0)..=(producer, u64::MAX);
        let mut seqs: Ranges =
            self.accepted.range(of_producer).map(|((_, seq), _)| (*seq, *seq)).collect();
        match self.answers {
            Answers::Processed if random.percent(20) => seqs = Ranges::new(),
            Answers::Processed if random.percent(20) => {
                let last = seqs.last().unwrap_or(0);
                seqs = seqs.within(random.between(0, last + 1), last);
            }
            Answers::Invented => {
                seqs.insert_range(1, self.next.get(&producer).copied().unwrap_or(0));
            }
            _ => {}
        }
        self.told_arrived += seqs.count();
        let mut member = format!("\"{producer}\":");
        seqs.push_json(&mut member);
        member
    }
}
