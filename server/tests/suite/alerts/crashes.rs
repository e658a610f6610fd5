//! Crashes and power cuts around every write of alerts: nothing is said twice, and nothing is
//! missed.

use std::collections::BTreeMap;

use lamplight_server::alerts::engine::evaluate;
use lamplight_server::alerts::rule::Rule;
use lamplight_server::config::parse_rules;
use lamplight_server::store::{AlertBook, AlertPhase, Notice, Storage, StoreError};
use proptest::prelude::*;

use super::engine::{check_turns, fine};
use super::world::MINUTE_MS;
use crate::store::machine::{Crash, Machine, on_disk};
use crate::store::memory::in_memory;
#[cfg(unix)]
use crate::store::postgres_machine::on_postgres;
#[cfg(unix)]
use crate::store::postgres_machine::seeds::{for_each_seed, random};
use crate::store::sample::NOW;

const RULES: &str = "[alerts.set_aside]\nabove = 0\n[alerts.lost]\nkeep_s = 0";

/// More operations than a test does.
const NEVER: u64 = 1 << 40;

#[derive(Debug, Clone)]
enum Step {
    /// A minute passes. Then this many payloads are set aside, and this many more events are lost.
    Minute(u64, u64),
    Restart,
    /// From this many operations of the disk on, nothing works, until a crash.
    CrashAfter(u64, Crash),
}

fn step() -> impl Strategy<Value = Step> {
    let crash = prop_oneof![Just(Crash::Kill), any::<u64>().prop_map(Crash::PowerCut)];
    prop_oneof![
        8 => (0_u64..2, prop_oneof![4 => Just(0_u64), 1 => 1_u64..5]).prop_map(|(set_aside, lost)| Step::Minute(set_aside, lost)),
        1 => Just(Step::Restart),
        2 => (0_u64..40, crash).prop_map(|(operations, crash)| Step::CrashAfter(operations, crash)),
    ]
}

struct Simulation {
    machine: Box<dyn Machine>,
    storage: Option<Storage>,
    rules: Vec<Rule>,
    crash: Crash,
    run: u64,
    at_ms: i64,
    lost: u64,
}

impl Simulation {
    async fn new(mut machine: Box<dyn Machine>) -> Self {
        let storage = machine.open(Vec::new()).await;
        let rules = parse_rules(RULES).unwrap();
        Self { machine, storage, rules, crash: Crash::Kill, run: 1, at_ms: NOW, lost: 0 }
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Minute(set_aside, lost) => {
                self.at_ms += MINUTE_MS;
                self.lost += lost;
                // What a crash makes of it is checked at the end.
                let _ = self.evaluate(*set_aside).await;
            }
            Step::Restart => self.open().await,
            Step::CrashAfter(operations, crash) => {
                self.crash = *crash;
                self.machine.fail_after(*operations);
            }
        }
        if self.machine.has_failed() {
            self.machine.crash(self.crash).await;
            self.open().await;
        }
    }

    /// Opens the data as a new process does.
    async fn open(&mut self) {
        if let Some(storage) = self.storage.take() {
            let _ = storage.close().await;
        }
        self.run += 1;
        self.storage = self.machine.open(Vec::new()).await;
        if self.storage.is_none() {
            self.machine.crash(self.crash).await;
            self.storage = self.machine.open(Vec::new()).await;
        }
    }

    async fn evaluate(&mut self, set_aside: u64) -> Result<(), StoreError> {
        let alerts = &self.storage.as_ref().unwrap().alerts;
        let book = alerts.book().await?;
        let mut facts = fine(self.run, self.at_ms);
        (facts.set_aside, facts.lost) = (set_aside, self.lost);
        let round = evaluate(&self.rules, &facts, &book, true);
        alerts.save(round).await?;
        let known = book.mark.as_ref().map(|mark| mark.counts["lost"]);
        let after = alerts.book().await?;
        let is_firing = |rule: &str| after.phases.iter().any(|(key, _)| key.rule == rule);
        assert_eq!(is_firing("set_aside"), set_aside > 0);
        assert_eq!(
            is_firing("lost"),
            known.is_some_and(|known| self.lost > known),
            "since {known:?}"
        );
        Ok(())
    }

    /// Everything that was said, by rule.
    async fn said(&self) -> (AlertBook, BTreeMap<String, Vec<Notice>>) {
        let alerts = &self.storage.as_ref().unwrap().alerts;
        let mut said: BTreeMap<String, Vec<Notice>> = BTreeMap::new();
        for kept in alerts.history(10_000).await.unwrap().into_iter().rev() {
            said.entry(kept.notice.rule.clone()).or_default().push(kept.notice);
        }
        (alerts.book().await.unwrap(), said)
    }
}

fn run(machine: Box<dyn Machine>, steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut simulation = Simulation::new(machine).await;
        for step in steps {
            simulation.take(step).await;
        }
        simulation.machine.fail_after(NEVER);
        simulation.open().await;
        simulation.at_ms += MINUTE_MS;
        simulation.evaluate(1).await.unwrap();
        let (book, said) = simulation.said().await;
        for (rule, said) in said {
            check_turns(&said);
            let is_firing = book
                .phases
                .iter()
                .any(|(key, phase)| key.rule == rule && matches!(phase, AlertPhase::Firing { .. }));
            assert_eq!(said.len() % 2 == 1, is_firing, "the last word about {rule} is true");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_said_twice_and_nothing_is_missed_whenever_it_crashes(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        run(on_disk(), &steps);
    }

    #[test]
    fn the_same_holds_for_the_backend_in_memory(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let in_memory_steps: Vec<Step> =
            steps.into_iter().filter(|step| !matches!(step, Step::CrashAfter(..))).collect();
        run(in_memory(), &in_memory_steps);
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_said_twice_or_missed_on_postgres_wherever_connections_are_cut() {
    for_each_seed(10, |seed| {
        run(on_postgres(), &random(seed, &proptest::collection::vec(step(), 5..40)));
    });
}
