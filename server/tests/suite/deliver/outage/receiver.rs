//! A receiver that is down at times, and that fails on events with a certain name.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use lamplight_server::sinks::http::{Answer, Http, Posting, Request};
use lamplight_server::store::Reason;
use lamplight_server::system::clock::Clock;
use serde::Deserialize;

use crate::deliver::clock::SimulatedClock;
use crate::deliver::random::SeededRandom;

/// The name of events that make the receiver fail.
pub(crate) const POISON: &str = "poison";

/// What the receiver does, and what happened to it.
#[derive(Debug)]
pub(crate) struct Received {
    random: SeededRandom,
    /// When it is down.
    pub(crate) down: Vec<Range<i64>>,
    /// When it rejects the credentials.
    pub(crate) locked: Vec<Range<i64>>,
    /// How many percent of all requests fail at any time.
    pub(crate) unreliable_percent: u64,
    /// When requests came.
    pub(crate) requests: Vec<i64>,
    /// When each event was accepted first.
    pub(crate) accepted: BTreeMap<String, i64>,
}

/// A webhook's receiver.
pub(crate) struct Receiver {
    clock: Arc<SimulatedClock>,
    received: Mutex<Received>,
}

#[derive(Deserialize)]
struct Body {
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    name: String,
}

impl Receiver {
    pub(crate) fn new(clock: Arc<SimulatedClock>, seed: u64) -> Self {
        let received = Received {
            random: SeededRandom::new(seed),
            down: Vec::new(),
            locked: Vec::new(),
            unreliable_percent: 0,
            requests: Vec::new(),
            accepted: BTreeMap::new(),
        };
        Self { clock, received: Mutex::new(received) }
    }

    pub(crate) fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap()
    }

    fn answer(&self, body: &[u8]) -> Result<Answer, Reason> {
        let Body { events } = serde_json::from_slice(body).unwrap();
        let now_ms = self.clock.now_ms();
        let mut received = self.received();
        received.requests.push(now_ms);
        let is_in = |spans: &[Range<i64>]| spans.iter().any(|span| span.contains(&now_ms));
        if is_in(&received.locked) {
            return Ok(answer(401, None));
        }
        let percent = received.unreliable_percent;
        if is_in(&received.down) || received.random.percent(percent) {
            return down(&mut received.random);
        }
        if events.iter().any(|event| event.name == POISON) {
            return crashed(&mut received.random);
        }
        for event in events {
            received.accepted.entry(event.id).or_insert(now_ms);
        }
        Ok(answer(200, None))
    }
}

impl Http for Receiver {
    fn send(&self, request: Request, _: i64) -> Posting<'_> {
        let answer = self.answer(&request.body);
        Box::pin(async move { answer })
    }
}

/// A failure of the receiver, whatever the request contains.
fn down(random: &mut SeededRandom) -> Result<Answer, Reason> {
    match random.between(0, 8) {
        0 | 1 => Err(Reason::new("unreachable", "connection refused")),
        2 => Err(Reason::new("timeout", "no answer")),
        3 => Err(Reason::new("connection_lost", "reset")),
        4 => Ok(answer(500, None)),
        5 => Ok(answer(502, None)),
        6 => Ok(answer(503, Some(30_000))),
        _ => Ok(answer(429, None)),
    }
}

/// A failure that a request causes.
fn crashed(random: &mut SeededRandom) -> Result<Answer, Reason> {
    match random.between(0, 3) {
        0 => Err(Reason::new("timeout", "no answer")),
        1 => Err(Reason::new("connection_lost", "reset")),
        _ => Ok(answer(500, None)),
    }
}

fn answer(status: u16, retry_after_ms: Option<i64>) -> Answer {
    Answer { status, retry_after_ms, body: b"{}".to_vec() }
}
