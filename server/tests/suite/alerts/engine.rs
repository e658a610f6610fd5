//! Properties of the engine, whatever values come.

use std::collections::{BTreeMap, BTreeSet};

use lamplight_server::alerts::engine::evaluate;
use lamplight_server::alerts::facts::Facts;
use lamplight_server::alerts::rule::Rule;
use lamplight_server::config::parse_rules;
use lamplight_server::store::{AlertBook, AlertPhase, Notice, NoticeState};
use lamplight_server::trends::outlook::Forecast;
use proptest::prelude::*;

use super::world::MINUTE_MS;
use crate::store::sample::NOW;

/// Facts about a server that is fine.
pub(super) fn fine(run: u64, at_ms: i64) -> Facts {
    Facts {
        run,
        at_ms,
        uptime_ms: 0,
        stages: [("intake", 0), ("process", 0)],
        sinks: Vec::new(),
        lost: 0,
        refused: 0,
        set_aside: 0,
        free_bytes: 1 << 40,
        floor_bytes: 1 << 28,
        disk_full: Forecast::Never("not_filling"),
        arrived_ms: BTreeMap::new(),
    }
}

/// Evaluates the rules each minute on the ages of the oldest payload, in seconds.
fn said(rules: &[Rule], ages_s: &[i64]) -> Vec<Notice> {
    let (mut book, mut said) = (AlertBook::default(), Vec::new());
    for (minute, age_s) in (0..).zip(ages_s) {
        let mut facts = fine(1, NOW + minute * MINUTE_MS);
        facts.stages[1].1 = age_s * 1_000;
        let round = evaluate(rules, &facts, &book, true);
        said.extend(round.notices.iter().map(|(notice, _)| notice.clone()));
        book = book.after(round);
    }
    said
}

fn queue_age(table: &str) -> Vec<Rule> {
    parse_rules(&format!("[alerts.queue_age]\n{table}")).unwrap()
}

/// A firing and a recovery take turns, and the two of one alert have its id.
pub(super) fn check_turns(said: &[Notice]) {
    let mut alerts = BTreeSet::new();
    for pair in said.chunks(2) {
        assert_eq!(pair[0].state, NoticeState::Firing);
        assert!(alerts.insert(&pair[0].alert), "an alert is announced twice: {pair:?}");
        if let [firing, recovered] = pair {
            assert_eq!(recovered.state, NoticeState::Recovered);
            assert_eq!((&recovered.alert, recovered.since_ms), (&firing.alert, firing.at_ms));
        }
    }
    let ids: BTreeSet<&str> = said.iter().map(|notice| notice.id.as_str()).collect();
    assert_eq!(ids.len(), said.len(), "each notice has an id of its own");
}

#[test]
fn a_limit_that_is_exceeded_too_briefly_makes_no_alert() {
    let rules = queue_age("older_than_s = 100\nfor_s = 180\nkeep_s = 120");
    assert_eq!(said(&rules, &[101, 500, 101, 100, 101, 101, 101, 0]), []);
    let said = said(&rules, &[101, 101, 101, 101, 60, 40, 40, 51, 40, 40, 40, 0]);
    let minutes: Vec<i64> = said.iter().map(|it| (it.at_ms - NOW) / MINUTE_MS).collect();
    assert_eq!(minutes, [3, 10], "above half of the limit it is not fine");
}

#[test]
fn a_server_that_was_stopped_observed_nothing_meanwhile() {
    let rules = queue_age("older_than_s = 100\nfor_s = 300\nkeep_s = 300");
    let mut book = AlertBook::default();
    for run in 0..4 {
        let mut facts = fine(run, NOW + i64::try_from(run).unwrap() * 100 * MINUTE_MS);
        facts.stages[1].1 = 101_000;
        let round = evaluate(&rules, &facts, &book, true);
        assert_eq!(round.notices, []);
        book = book.after(round);
    }
    let pending: Vec<&AlertPhase> = book.phases.values().collect();
    assert_eq!(pending, [&AlertPhase::Pending { since_ms: NOW, held_ms: 3 * 90_000 }]);
}

#[test]
fn an_evaluation_that_is_repeated_says_the_same_with_the_same_ids() {
    let rules = queue_age("older_than_s = 100\nfor_s = 0");
    let mut facts = fine(1, NOW);
    facts.stages = [("intake", 200_000), ("process", 200_000)];
    let once = evaluate(&rules, &facts, &AlertBook::default(), true);
    assert_eq!(once.notices.len(), 2);
    assert_eq!(evaluate(&rules, &facts, &AlertBook::default(), true), once);
}

#[test]
fn things_of_one_rule_alert_by_themselves_and_are_bounded() {
    use lamplight_server::alerts::facts::SinkFact;
    let rules = parse_rules("[alerts.sink_failing]\nfor_s = 0").unwrap();
    let mut facts = fine(1, NOW);
    let sink = |number: u32| SinkFact {
        name: format!("s{number}"),
        state: if number.is_multiple_of(2) { "stopped" } else { "running" },
        why: None,
        oldest_ms: 0,
        dead: 0,
    };
    facts.sinks = (0..1_000).map(sink).collect();
    let round = evaluate(&rules, &facts, &AlertBook::default(), true);
    assert_eq!(round.notices.len(), 32, "every other one of the first 64");
}

proptest! {
    /// A value that moves around the limit, and is never fine for as long as it must be, makes one
    /// alert, however it moves.
    #[test]
    fn a_value_that_oscillates_around_the_limit_alerts_once(
        bursts in proptest::collection::vec((1_usize..5, 0_usize..5, 0_i64..=50), 1..40),
    ) {
        let rules = queue_age("older_than_s = 100\nfor_s = 0\nkeep_s = 300");
        let mut ages_s = Vec::new();
        for (exceeded, fine, age_s) in bursts {
            ages_s.extend(vec![101; exceeded]);
            ages_s.extend(vec![age_s; fine]);
        }
        let said = said(&rules, &ages_s);
        prop_assert_eq!(said.len(), 1);
    }

    /// Whatever values come, alerts begin and end in turns.
    #[test]
    fn a_firing_and_a_recovery_take_turns(
        ages_s in proptest::collection::vec(prop_oneof![Just(0), 40_i64..60, 90_i64..110], 1..120),
        for_s in prop_oneof![Just(0), Just(60), Just(300)],
        keep_s in prop_oneof![Just(0), Just(60), Just(300)],
    ) {
        let rules = queue_age(&format!("older_than_s = 100\nfor_s = {for_s}\nkeep_s = {keep_s}"));
        check_turns(&said(&rules, &ages_s));
    }
}
