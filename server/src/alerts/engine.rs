//! Evaluates the rules. Pure.
//!
//! Durations are added up from one evaluation to the next, and each step counts for at most
//! [`STEP_MS_MAX`]. So no time passes that nobody observed: a clock that jumps, a machine that
//! sleeps and a server that was stopped make no alert, and end none.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::config::Mode;
use super::facts::Facts;
use super::message;
use super::reading::{Reading, readings};
use super::rule::{Limits, Rule};
use crate::store::{
    AlertBook, AlertKey, AlertPhase, AlertRound, Notice, NoticeDelivery, NoticeState,
};

/// The most time that counts between two evaluations, in milliseconds. They are a minute apart.
pub const STEP_MS_MAX: i64 = 90 * 1000;
/// The most things that one rule is about. Others are not watched.
const THINGS_MAX: usize = 64;

/// What happens to one alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Same,
    /// The limit is exceeded, for this long so far, in milliseconds.
    Pends(i64),
    /// The alert begins.
    Fires,
    /// It goes on. The value has been fine for this long, if it is fine.
    Burns(Option<i64>),
    /// It ends, or what was pending is fine again.
    Clears,
}

/// What happens to an alert in `phase` when `value` is observed `passed_ms` after the last one. A
/// value that is unknown changes nothing.
pub fn step(
    limits: Limits,
    phase: Option<&AlertPhase>,
    value: Option<i64>,
    passed_ms: i64,
) -> Step {
    let Some(value) = value else { return Step::Same };
    let is_exceeded = limits.exceeded.is_exceeded(value);
    match phase {
        None if is_exceeded && limits.for_ms > 0 => Step::Pends(0),
        None if is_exceeded => Step::Fires,
        None => Step::Same,
        Some(AlertPhase::Pending { .. }) if !is_exceeded => Step::Clears,
        Some(AlertPhase::Pending { held_ms, .. }) => {
            let held_ms = held_ms.saturating_add(passed_ms);
            if held_ms >= limits.for_ms { Step::Fires } else { Step::Pends(held_ms) }
        }
        Some(AlertPhase::Firing { .. }) if limits.fine.is_exceeded(value) => Step::Burns(None),
        Some(AlertPhase::Firing { fine_ms, .. }) => {
            let fine_ms = fine_ms.map_or(0, |fine_ms| fine_ms.saturating_add(passed_ms));
            if fine_ms >= limits.keep_ms { Step::Clears } else { Step::Burns(Some(fine_ms)) }
        }
    }
}

/// Evaluates `rules` on `facts`, which follow `book`. Whatever was firing and is no longer watched
/// recovers.
pub fn evaluate(rules: &[Rule], facts: &Facts, book: &AlertBook, has_webhook: bool) -> AlertRound {
    let before = book.mark.as_ref();
    let passed_ms = before.map_or(0, |mark| facts.at_ms.saturating_sub(mark.at_ms));
    let passed_ms = passed_ms.clamp(0, STEP_MS_MAX);
    let mark = facts.mark(before, passed_ms);
    let mut round = Round { facts, has_webhook, changed: BTreeMap::new(), notices: Vec::new() };
    let mut unwatched: BTreeMap<&AlertKey, &AlertPhase> = book.phases.iter().collect();
    for rule in rules.iter().filter(|rule| rule.mode != Mode::Off) {
        for reading in readings(rule, facts, before, &mark).into_iter().take(THINGS_MAX) {
            let phase = unwatched.remove(&reading.key);
            let step = step(rule.limits, phase, reading.value, passed_ms);
            round.apply(rule, &reading, phase, step);
        }
    }
    for (key, phase) in unwatched {
        round.clear(key, phase, None, message::no_longer_watched(&key.thing));
    }
    AlertRound { mark, changed: round.changed, notices: round.notices }
}

struct Round<'a> {
    facts: &'a Facts,
    has_webhook: bool,
    changed: BTreeMap<AlertKey, Option<AlertPhase>>,
    notices: Vec<(Notice, NoticeDelivery)>,
}

impl Round<'_> {
    fn apply(&mut self, rule: &Rule, reading: &Reading, phase: Option<&AlertPhase>, step: Step) {
        let key = &reading.key;
        let next = match (step, phase) {
            (Step::Pends(held_ms), Some(AlertPhase::Pending { since_ms, .. })) => {
                AlertPhase::Pending { since_ms: *since_ms, held_ms }
            }
            (Step::Pends(held_ms), _) => {
                AlertPhase::Pending { since_ms: self.facts.at_ms, held_ms }
            }
            (Step::Fires, _) => self.fire(rule, reading),
            (Step::Burns(fine_ms), Some(phase)) => phase.burning(fine_ms, reading.value),
            (Step::Clears, Some(phase)) => {
                let text = message::text(rule, NoticeState::Recovered, reading);
                return self.clear(key, phase, reading.value, text);
            }
            (Step::Same | Step::Burns(_) | Step::Clears, _) => return,
        };
        if phase != Some(&next) {
            self.changed.insert(key.clone(), Some(next));
        }
    }

    /// Announces an alert.
    fn fire(&mut self, rule: &Rule, reading: &Reading) -> AlertPhase {
        let (key, since_ms, value) = (&reading.key, self.facts.at_ms, reading.value.unwrap_or(0));
        let moment = format!("{since_ms} {}", self.facts.run);
        let alert = id("alert", [&key.rule, &key.thing, &moment]);
        let (kind, text) =
            (rule.kind.to_owned(), message::text(rule, NoticeState::Firing, reading));
        let (is_silent, fine_ms) = (rule.mode == Mode::Silent, None);
        let phase = AlertPhase::Firing { alert, kind, is_silent, since_ms, fine_ms, value, text };
        self.say(key, &phase, NoticeState::Firing, reading.value, None);
        phase
    }

    /// Ends what was pending or firing.
    fn clear(&mut self, key: &AlertKey, phase: &AlertPhase, value: Option<i64>, text: String) {
        self.changed.insert(key.clone(), None);
        self.say(key, phase, NoticeState::Recovered, value, Some(text));
    }

    /// Adds a notice about an alert that was announced. `text` is that of the alert unless another
    /// is given.
    fn say(
        &mut self,
        key: &AlertKey,
        phase: &AlertPhase,
        state: NoticeState,
        value: Option<i64>,
        other_text: Option<String>,
    ) {
        let AlertPhase::Firing { alert, kind, is_silent, since_ms, text, .. } = phase else {
            return;
        };
        let ending = match state {
            NoticeState::Firing => "firing",
            NoticeState::Recovered => "recovered",
        };
        let notice = Notice {
            id: id("msg", [alert, ending, ""]),
            alert: alert.clone(),
            state,
            rule: key.rule.clone(),
            kind: kind.clone(),
            thing: key.thing.clone(),
            since_ms: *since_ms,
            at_ms: self.facts.at_ms,
            value: value.filter(|value| *value != i64::MAX),
            text: other_text.unwrap_or_else(|| text.clone()),
        };
        let delivery = match (*is_silent, self.has_webhook) {
            (true, _) => NoticeDelivery::Silent,
            (false, true) => NoticeDelivery::Queued,
            (false, false) => NoticeDelivery::NoWebhook,
        };
        self.notices.push((notice, delivery));
    }
}

/// An id that is the same for the same parts, so that what is evaluated again is said again with
/// the same id.
fn id(prefix: &str, parts: [&str; 3]) -> String {
    let hash = Sha256::digest(parts.join("\0").as_bytes());
    format!("{prefix}_{}", HEXLOWER.encode(&hash[..16]))
}
