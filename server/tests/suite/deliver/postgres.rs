//! The same simulation on a real PostgreSQL, where all connections of the server are cut at any
//! message: see `store/postgres_machine`.

use super::{Mutant, RunSummary, Schedule, run, run_then};
use crate::store::postgres_machine::on_postgres;
use crate::store::postgres_machine::seeds::{for_each_operation, for_each_seed};

fn run_checked(seed: u64, schedule: Schedule) -> RunSummary {
    let summary = run_then(on_postgres(), seed, Mutant::None, schedule, |simulation| {
        assert_eq!(simulation.faults(), [""; 0], "{schedule:?}");
    });
    assert_eq!(summary.violations, [""; 0], "{schedule:?}");
    summary
}

#[test]
fn every_delivery_ends_once_wherever_connections_are_cut() {
    for_each_seed(1, |seed| println!("{:?}", run_checked(seed, Schedule::Random(60))));
}

#[test]
fn every_delivery_ends_once_with_a_cut_at_each_message() {
    for_each_operation(37, |operation| {
        let summary = run_checked(1, Schedule::Cut(operation));
        // One process ends before everything recovers.
        summary.ends > 1
    });
}

#[test]
fn settling_with_an_expired_lease_is_caught() {
    let shows = |seed: &u64| {
        let summary = run(on_postgres(), *seed, Mutant::AnyLease, Schedule::Random(120));
        summary.violations.iter().any(|it| it.contains("was settled with another lease"))
    };
    assert!((1..=10).any(|seed| shows(&seed)));
}
