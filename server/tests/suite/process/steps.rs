//! The steps of the simulation: what clients send, where processing is interrupted, how it crashes.

use lamplight_server::store::WorkerSlot;
use lamplight_server::store::week::WEEK_MS;
use lamplight_wire::Producer;
use proptest::prelude::*;

use crate::process::handling::Handling;
use crate::process::interrupted::Interruption;
use crate::store::machine::Crash;

/// The producers.
pub(crate) const PRODUCERS: std::ops::Range<u128> = 1..4;
/// Their sequence numbers.
pub(crate) const NUMBERS: std::ops::Range<u64> = 1..15;

/// The name of events with a number that can be stored.
pub(crate) const NUMBERED: &str = "identify";

/// An event as a client may send it. Whether it is valid depends only on its identity, so that the
/// model does not depend on the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sent {
    Numbered(u128, u64),
    Named(u8),
    Anonymous(bool),
}

impl Sent {
    pub(crate) fn is_good(&self) -> bool {
        match self {
            Self::Numbered(_, seq) => seq % 5 != 0,
            Self::Named(name) => name % 4 != 0,
            Self::Anonymous(is_good) => *is_good,
        }
    }

    pub(crate) fn json(&self) -> String {
        let name = if self.is_good() { "e" } else { "" };
        match self {
            Self::Numbered(producer, seq) => {
                let producer = Producer::from_bits(*producer);
                // Each one says something about a user, so that profiles change too.
                let name = if self.is_good() { NUMBERED } else { "" };
                let (user, trait_name) = (seq % 3, seq % 7);
                format!(
                    r#"{{"name":"{name}","producer":"{producer}","seq":{seq},
                        "user":{{"id":"u{user}"}},"properties":{{"t{trait_name}":{seq}}}}}"#
                )
            }
            Self::Named(id) => format!(r#"{{"name":"{name}","id":"id{id}"}}"#),
            Self::Anonymous(_) => format!(r#"{{"name":"{name}"}}"#),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<Sent>),
    /// As many empty payloads as go to the same share, so that the next one is another worker's.
    Burst,
    Round(WorkerSlot, Interruption),
    Handle(Handling),
    /// Requests a replay of everything.
    Replay,
    /// Replays one page.
    ReplayRound(Interruption),
    Wait(i64),
    Restart,
    CrashAfter(u64, Crash),
    /// All connections to the database end after this many operations, if there are any.
    BreakAfter(u64),
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        6 => (PRODUCERS, NUMBERS).prop_map(|(producer, seq)| Sent::Numbered(producer, seq)),
        2 => (0u8..8).prop_map(Sent::Named),
        1 => any::<bool>().prop_map(Sent::Anonymous),
    ]
}

/// What pages send: consecutive numbers, sometimes of several producers or with an event between.
fn stretches() -> impl Strategy<Value = Vec<Sent>> {
    let stretch = (PRODUCERS, NUMBERS, 1u64..10, prop::option::weighted(0.2, (0usize..10, sent())));
    let stretch = stretch.prop_map(|(producer, first, count, between)| {
        let end = NUMBERS.end.min(first + count);
        let mut events: Vec<_> = (first..end).map(|seq| Sent::Numbered(producer, seq)).collect();
        if let Some((at, sent)) = between {
            events.insert(at.min(events.len()), sent);
        }
        events
    });
    prop::collection::vec(stretch, 1..3).prop_map(|stretches| stretches.concat())
}

fn interrupted() -> impl Strategy<Value = Interruption> {
    prop_oneof![
        2 => Just(Interruption::Nowhere),
        1 => Just(Interruption::BeforeApply),
        2 => Just(Interruption::AfterApply),
        1 => Just(Interruption::BeforeSettle),
        1 => Just(Interruption::AfterSettle),
    ]
}

/// One of two workers.
fn share() -> impl Strategy<Value = WorkerSlot> {
    prop::sample::select(WorkerSlot::among(2).collect::<Vec<_>>())
}

/// Some waits end in another week, whose events are in a different file.
fn wait() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0i64..90_000, 1 => Just(WEEK_MS)]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let crash = prop_oneof![1 => Just(Crash::Kill), 2 => any::<u64>().prop_map(Crash::PowerCut)];
    prop_oneof![
        3 => prop::collection::vec(sent(), 0..8).prop_map(Step::Send),
        4 => stretches().prop_map(Step::Send),
        1 => Just(Step::Burst),
        6 => (share(), interrupted()).prop_map(|(share, at)| Step::Round(share, at)),
        4 => prop::sample::select(Handling::ALL.to_vec()).prop_map(Step::Handle),
        1 => Just(Step::Replay),
        3 => interrupted().prop_map(Step::ReplayRound),
        3 => wait().prop_map(Step::Wait),
        1 => Just(Step::Restart),
        2 => (0u64..60, crash).prop_map(|(after, crash)| Step::CrashAfter(after, crash)),
        1 => (0u64..60).prop_map(Step::BreakAfter),
    ]
}
