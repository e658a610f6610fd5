//! What Lamplight must show beside its peers, and whether it does.

use serde::Serialize;

use crate::contender::Contender;
use crate::numbers::{Spread, readable};
use crate::processing::{ANONYMOUS, BARE, NEW_PAGES, PAGES};
use crate::results::{Kind, Results, Turn};

/// A goal, with what was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Goal {
    measure: String,
    best_peer: String,
    lamplight: String,
    ratio: String,
    #[serde(rename = "goal")]
    limit: String,
    met: bool,
    /// Whether a peer that does the same job is better.
    peer_wins: bool,
}

impl Goal {
    /// The cells of a table.
    pub(crate) fn cells(&self) -> Vec<String> {
        let met = if self.met { "yes" } else { "no" };
        [&self.measure, &self.best_peer, &self.lamplight, &self.ratio, &self.limit, met]
            .map(String::from)
            .to_vec()
    }
}

/// What is compared of a turn.
type Of = fn(&Turn) -> f64;

/// Which side of the limit is good.
#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

/// All goals for which something was measured.
pub(crate) fn all(results: &Results) -> Vec<Goal> {
    let mut goals = Vec::new();
    for connections in [16, 64, 256] {
        goals.extend(intake(results, connections));
    }
    goals.extend(end_to_end(results));
    goals.extend(processing(results));
    for (rows, growth) in &results.growth {
        if let (Some(filled), Some(empty)) =
            (spread(&growth.filled_per_s), spread(&growth.empty_per_s))
        {
            #[allow(clippy::cast_precision_loss)]
            let rows = readable(*rows as f64);
            let measure = format!("processing among {rows} events, events/s");
            let share = filled.median / empty.median;
            let limit = Limit::AtLeast(0.9);
            goals.push(goal(measure, "an empty store", empty, filled, share, limit));
        }
    }
    goals
}

fn intake(results: &Results, connections: usize) -> Vec<Goal> {
    let of = |peer: Contender, of: Of| {
        let turns = results.cell(Kind::Intake, peer.name(), connections, 10);
        Spread::of(turns.into_iter().map(of))
    };
    let rate = |peer| of(peer, |turn| turn.requests_per_s);
    let p99 = |peer| of(peer, |turn| turn.p99_ms);
    let mut goals = Vec::new();
    let Some(ours) = rate(Contender::Lamplight) else { return goals };
    let measure = format!("durable intake at {connections} connections, requests/s");
    let mut beside = |peer: Contender, limit| {
        if let Some(theirs) = rate(peer) {
            let ratio = ours.median / theirs.median;
            goals.push(goal(measure.clone(), peer.name(), theirs, ours, ratio, limit));
        }
    };
    beside(Contender::Node, Limit::AtLeast(6.0));
    beside(Contender::Influx, Limit::AtLeast(6.0));
    beside(Contender::JetStream, Limit::AtLeast(1.0));
    if connections >= 64 {
        beside(Contender::Hello, Limit::AtLeast(0.4));
    }
    if connections == 64
        && let (Some(ours), Some(theirs)) = (p99(Contender::Lamplight), p99(Contender::Node))
    {
        let ratio = ours.median / theirs.median;
        let measure = "durable intake at 64 connections, p99 in ms".to_owned();
        let limit = Limit::AtMost(1.0 / 3.0);
        goals.push(goal(measure, Contender::Node.name(), theirs, ours, ratio, limit));
    }
    goals
}

fn end_to_end(results: &Results) -> Vec<Goal> {
    let of = |peer: Contender, of: Of| {
        let turns = results.cell(Kind::EndToEnd, peer.name(), 64, 10);
        Spread::of(turns.into_iter().map(of))
    };
    let measures: [(&str, Of, Limit); 3] = [
        ("sustained, events/s", Turn::events_per_s, Limit::AtLeast(5.0)),
        ("bytes written an event", |it| it.written_bytes, Limit::AtMost(1.0 / 3.0)),
        ("bytes kept an event", |it| it.kept_bytes.unwrap_or(f64::NAN), Limit::AtMost(1.0 / 3.0)),
    ];
    let goals = measures.into_iter().filter_map(|(name, value, limit)| {
        let (ours, theirs) = (of(Contender::Lamplight, value)?, of(Contender::Story, value)?);
        let (measure, ratio) = (format!("end to end, {name}"), ours.median / theirs.median);
        Some(goal(measure, Contender::Story.name(), theirs, ours, ratio, limit))
    });
    goals.collect()
}

fn processing(results: &Results) -> Vec<Goal> {
    let rates = |name: &str| spread(results.processing_per_s.get(name)?);
    let mut goals = Vec::new();
    let kinds = [(PAGES, "pages that send in turn"), (NEW_PAGES, "a new page for each payload")];
    for (name, what) in kinds {
        let Some(ours) = rates(name) else { continue };
        if let Some(plain) = rates(ANONYMOUS) {
            let (measure, cost) =
                (format!("cost of deduplication, {what}"), 1.0 - ours.median / plain.median);
            let limit = Limit::AtMost(0.15);
            goals.push(goal(measure, "events without numbers", plain, ours, cost, limit));
        }
        if let Some(bare) = rates(BARE) {
            let (measure, share) =
                (format!("processing, events/s, {what}"), ours.median / bare.median);
            let limit = Limit::AtLeast(0.6);
            goals.push(goal(measure, "bare prepared inserts", bare, ours, share, limit));
        }
    }
    goals
}

fn spread(values: &[f64]) -> Option<Spread> {
    Spread::of(values.iter().copied())
}

fn goal(
    measure: String,
    peer: &str,
    theirs: Spread,
    ours: Spread,
    ratio: f64,
    limit: Limit,
) -> Goal {
    let (met, text, is_behind) = match limit {
        Limit::AtLeast(limit) => (ratio >= limit, format!("at least {limit:.1}"), ratio < 1.0),
        Limit::AtMost(limit) => (ratio <= limit, format!("at most {limit:.2}"), ratio > 1.0),
    };
    let peer_wins = is_behind && Contender::DURABLE.iter().any(|it| it.name() == peer);
    Goal {
        measure,
        best_peer: format!("{peer}: {}", readable(theirs.median)),
        lamplight: readable(ours.median),
        ratio: format!("{ratio:.2}"),
        limit: text,
        met,
        peer_wins,
    }
}
