//! The same simulation on a real PostgreSQL, where all connections of the server are cut at any
//! message: see `store/postgres_machine`.

use std::sync::Arc;

use lamplight_server::store::WorkerSlot;
use lamplight_server::store::week::WEEK_MS;
use proptest::prelude::*;

use super::handling::Handling;
use super::interrupted::Interruption;
use super::steps::{Sent, Step, step};
use super::{Simulation, run};
use crate::store::machine::Crash;
use crate::store::postgres_machine::seeds::{for_each_operation, for_each_seed, random};
use crate::store::postgres_machine::{on_postgres, two_on_postgres};

#[test]
fn every_event_ends_exactly_once_wherever_connections_are_cut() {
    for_each_seed(4, |seed| {
        let steps = random(seed, &prop::collection::vec(step(), 5..25));
        run(on_postgres(), steps);
    });
}

/// Everything that is done with payloads, and a server that stops and another one that starts.
fn history() -> Vec<Step> {
    let numbers = |range: std::ops::Range<u64>| range.map(|seq| Sent::Numbered(1, seq)).collect();
    let round = || Step::Round(WorkerSlot::ALONE, Interruption::Nowhere);
    vec![
        Step::Send(numbers(1..4)),
        Step::Handle(Handling::Release),
        Step::Wait(20),
        round(),
        Step::Send(numbers(3..7)),
        Step::Send(vec![Sent::Named(1), Sent::Named(4), Sent::Anonymous(true)]),
        Step::Handle(Handling::SetAside),
        Step::Handle(Handling::Discard),
        Step::Handle(Handling::Restore),
        Step::Handle(Handling::Retry),
        round(),
        Step::Replay,
        Step::ReplayRound(Interruption::Nowhere),
        Step::Handle(Handling::Prune),
        Step::Restart,
        Step::Wait(WEEK_MS),
        Step::Send(numbers(6..9)),
        round(),
        Step::Handle(Handling::Deliver),
        Step::Handle(Handling::RetryDead),
        Step::Handle(Handling::Fold),
    ]
}

#[test]
fn every_event_ends_exactly_once_with_a_cut_at_each_message() {
    for_each_operation(127, |operation| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut simulation = Simulation::new(on_postgres()).await;
            simulation.take(Step::CrashAfter(operation, Crash::Kill)).await;
            let mut is_cut = false;
            for step in history() {
                is_cut |= simulation.take(step).await;
            }
            simulation.finish().await;
            is_cut
        })
    });
}

/// What one of two servers does. What it pruned, the other could not tell from what was lost.
async fn work(simulation: &mut Simulation, steps: Vec<Step>) {
    for step in steps {
        if !matches!(step, Step::Handle(Handling::Prune)) {
            simulation.take(step).await;
        }
    }
    // What it does not know is decided.
    simulation.recover().await;
}

#[test]
fn every_event_ends_exactly_once_with_two_servers_that_lose_their_connections() {
    for_each_seed(4, |seed| {
        let steps = || prop::collection::vec(step(), 10..40);
        let (first, second) = random(seed, &(steps(), steps()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let [machine, other] = two_on_postgres();
            let mut simulation = Simulation::new(machine).await;
            let mut beside = Simulation::new(other).await;
            beside.clock = Arc::clone(&simulation.clock);
            beside.payloads = 1 << 32;
            tokio::join!(work(&mut simulation, first), work(&mut beside, second));
            beside.stop().await;
            simulation.acknowledged.append(&mut beside.acknowledged);
            simulation.finish().await;
        });
    });
}
