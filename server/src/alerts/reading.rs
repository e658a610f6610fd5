//! The values that rules compare. Pure.

use super::facts::{Facts, SinkFact};
use super::rule::Rule;
use crate::store::{AlertKey, AlertMark};
use crate::trends::outlook::Forecast;

/// The shortest time that a rate is computed over.
const MINUTE_MS: i64 = 60 * 1000;

/// The value of one rule about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Which.
    pub key: AlertKey,
    /// The value, or `None` while it is unknown.
    pub value: Option<i64>,
    /// Why it is so, if a sink says.
    pub why: Option<String>,
}

/// Each thing that `rule` is about, with its value. `before` is the last mark, and `mark` that of
/// the facts.
pub fn readings(
    rule: &Rule,
    facts: &Facts,
    before: Option<&AlertMark>,
    mark: &AlertMark,
) -> Vec<Reading> {
    let one = |thing: &str, value: Option<i64>| Reading {
        key: AlertKey { rule: rule.name.clone(), thing: thing.to_owned() },
        value,
        why: None,
    };
    let each_sink = |value: &dyn Fn(&SinkFact) -> Option<i64>| {
        let each = facts.sinks.iter().map(|sink| Reading {
            why: sink.why.clone(),
            ..one(&format!("sink {}", sink.name), value(sink))
        });
        each.collect::<Vec<_>>()
    };
    match rule.kind {
        "queue_age" => {
            let mut all: Vec<Reading> =
                facts.stages.iter().map(|(stage, age_ms)| one(stage, Some(*age_ms))).collect();
            // What waits for a sink that takes nothing is the business of `sink_failing`.
            all.extend(each_sink(&|it| (it.state == "running").then_some(it.oldest_ms)));
            all
        }
        "sink_failing" => each_sink(&|it| match it.state {
            "paused" => None,
            state => Some(i64::from(state != "running")),
        }),
        "dead_letters" => each_sink(&|it| grown(before, &dead_count(&it.name), it.dead)),
        "lost" => vec![one("events", grown(before, "lost", facts.lost))],
        "set_aside" => vec![one("payloads", Some(whole(facts.set_aside)))],
        "refused" => vec![one("requests", Some(refused_a_minute(facts, before)))],
        "disk_full" => {
            let hours = match facts.disk_full {
                Forecast::InHours(hours) => Some(hours),
                Forecast::Never(_) => Some(i64::MAX),
                Forecast::Unknown(_) => None,
            };
            vec![one("disk", hours)]
        }
        "disk_floor" => {
            let parts = (u128::from(facts.free_bytes) * 1_000)
                .checked_div(u128::from(facts.floor_bytes))
                .map_or(i64::MAX, |parts| i64::try_from(parts).unwrap_or(i64::MAX));
            vec![one("disk", Some(parts))]
        }
        _ => {
            let quiet_ms = |name: &str| mark.counts.get(&quiet_time(name)).copied().map(whole);
            rule.names.iter().map(|name| one(name, quiet_ms(name))).collect()
        }
    }
}

/// The name of a sink's count of dead letters.
pub fn dead_count(sink: &str) -> String {
    format!("dead {sink}")
}

/// The name of the time at which the last event of a name arrived.
pub fn arrived_time(name: &str) -> String {
    format!("arrived {name}")
}

/// The name of the time for which no event of a name has arrived, as far as the server watched.
pub fn quiet_time(name: &str) -> String {
    format!("quiet {name}")
}

fn refused_a_minute(facts: &Facts, mark: Option<&AlertMark>) -> i64 {
    let same_run = mark.filter(|mark| mark.run == facts.run);
    let before = same_run.and_then(|mark| mark.counts.get("refused").copied()).unwrap_or(0);
    let passed_ms = same_run.map_or(facts.uptime_ms, |mark| facts.at_ms.saturating_sub(mark.at_ms));
    let refused = whole(facts.refused.saturating_sub(before));
    refused.saturating_mul(MINUTE_MS) / passed_ms.max(MINUTE_MS)
}

/// By how much a stored count grew since the mark. Unknown without a mark. The count of a sink that
/// is new began at 0.
fn grown(mark: Option<&AlertMark>, name: &str, count: u64) -> Option<i64> {
    let before = mark?.counts.get(name).copied().unwrap_or(0);
    Some(whole(count.saturating_sub(before)))
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
