//! A seeded simulation of delivery: the real lanes and sinks over the real store, on a disk that
//! loses what was not synced, and receivers as unreliable as real ones. The process may end before
//! and after every call to the store and every request.
//!
//! `LAMPLIGHT_DELIVER_SEED=<n>` runs one seed, `LAMPLIGHT_DELIVER_SEEDS=<n>` runs 1 to n.

use std::ops::{AddAssign, RangeInclusive};

mod checked_queue;
mod clock;
mod event;
mod faults;
mod gates;
mod laws;
mod outage;
#[cfg(unix)]
mod postgres;
mod random;
mod receivers;
mod recorder;
mod schedule;
mod simulation;

use checked_queue::Mutant;
use faults::Reliability;
use simulation::Simulation;

use crate::store::machine::{Machine, on_disk};
use crate::store::memory::in_memory;

/// How many seeds run by default.
const SEEDS: u64 = 20;

/// The result of a run.
#[derive(Debug, Default)]
struct RunSummary {
    violations: Vec<String>,
    events: usize,
    gone: usize,
    ends: u64,
    rounds: u64,
    /// Gates that were passed before the recovery.
    gates: u64,
    repeats: u64,
    late: u64,
    failed_requests: u64,
}

impl AddAssign for RunSummary {
    fn add_assign(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.events += other.events;
        self.gone += other.gone;
        self.ends += other.ends;
        self.rounds += other.rounds;
        self.gates += other.gates;
        self.repeats += other.repeats;
        self.late += other.late;
        self.failed_requests += other.failed_requests;
    }
}

/// What happens before everything recovers.
#[derive(Debug, Clone, Copy)]
enum Schedule {
    /// This many random steps.
    Random(u32),
    /// A few payloads, rounds of all lanes, a replay. The process ends at the gate with this
    /// number.
    Short(Option<u64>),
    /// The same, and the machine fails after this many operations.
    #[cfg_attr(not(unix), allow(dead_code))]
    Cut(u64),
}

fn run(machine: Box<dyn Machine>, seed: u64, mutant: Mutant, schedule: Schedule) -> RunSummary {
    run_then(machine, seed, mutant, schedule, |_| {})
}

/// The same, and looks at the end of it.
fn run_then(
    machine: Box<dyn Machine>,
    seed: u64,
    mutant: Mutant,
    schedule: Schedule,
    look: impl FnOnce(&Simulation),
) -> RunSummary {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let crash_at = if let Schedule::Short(at) = schedule { at } else { None };
        let mut simulation = Simulation::new(machine, seed, mutant, crash_at);
        match schedule {
            Schedule::Random(steps) => {
                for sink in event::SINKS {
                    simulation.set_reliability(sink, Reliability::Unreliable);
                }
                simulation.set_reliability(event::DEAD, Reliability::Down);
                for _ in 0..steps {
                    simulation.random_step().await;
                }
            }
            Schedule::Short(_) => simulation.run_short().await,
            Schedule::Cut(operations) => {
                simulation.fail_after(operations);
                simulation.run_short().await;
            }
        }
        let gates = simulation.gates;
        simulation.recover_all().await;
        simulation.check();
        look(&simulation);
        simulation.stop();
        let recorder = simulation.shared.recorder();
        RunSummary {
            violations: recorder.violations.clone(),
            events: recorder.events.len(),
            gone: recorder.gone.len(),
            ends: simulation.ends,
            rounds: simulation.rounds,
            gates,
            repeats: recorder.repeats,
            late: recorder.late,
            failed_requests: recorder.failed_requests,
        }
    })
}

fn seeds() -> RangeInclusive<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    match number("LAMPLIGHT_DELIVER_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("LAMPLIGHT_DELIVER_SEEDS").unwrap_or(SEEDS),
    }
}

/// Prints the seed of a run that panics.
struct PrintSeed(u64);

impl Drop for PrintSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seed {0}: run it alone with LAMPLIGHT_DELIVER_SEED={0}", self.0);
        }
    }
}

fn run_checked(machine: Box<dyn Machine>, seed: u64, schedule: Schedule) -> RunSummary {
    let _print_seed = PrintSeed(seed);
    let summary = run(machine, seed, Mutant::None, schedule);
    if let Some(violation) = summary.violations.first() {
        panic!(
            "seed {seed}, {schedule:?}: {violation} (and {} more)",
            summary.violations.len() - 1
        );
    }
    summary
}

#[test]
fn every_delivery_ends_once_whatever_fails_and_wherever_the_process_ends() {
    let mut all = RunSummary::default();
    for seed in seeds() {
        all += run_checked(on_disk(), seed, Schedule::Random(120));
    }
    println!("{all:?}");
    let simulations = seeds().count() as u64;
    assert!(
        simulations < SEEDS || all.repeats > simulations,
        "too little was sent twice to tell: {all:?}"
    );
    assert!(
        simulations < SEEDS || all.late > simulations,
        "too few leases ended early to tell: {all:?}"
    );
}

#[test]
fn every_delivery_ends_once_in_memory() {
    let mut all = RunSummary::default();
    for seed in seeds() {
        all += run_checked(in_memory(), seed, Schedule::Random(60));
    }
    println!("{all:?}");
}

#[test]
fn every_delivery_ends_once_when_the_process_ends_at_each_gate() {
    let mut all = RunSummary::default();
    for seed in seeds().step_by(20) {
        let gates = run_checked(on_disk(), seed, Schedule::Short(None)).gates;
        for gate in 1..=gates {
            all += run_checked(on_disk(), seed, Schedule::Short(Some(gate)));
        }
    }
    println!("{all:?}");
}

/// Whether a mutant's violation is found by one of the seeds, on each kind of machine.
fn is_caught(mutant: Mutant, violation: &str) -> bool {
    let machines: [fn() -> Box<dyn Machine>; 2] = [on_disk, in_memory];
    machines.into_iter().all(|machine| {
        let shows = |seed: &u64| {
            let summary = run(machine(), *seed, mutant, Schedule::Random(120));
            summary.violations.iter().any(|known| known.contains(violation))
        };
        let seed = (1..=60).find(shows);
        println!("{mutant:?}: {violation}, first with seed {seed:?}");
        seed.is_some()
    })
}

#[test]
fn settling_before_sending_is_caught() {
    assert!(is_caught(Mutant::SettlesFirst, "was settled as sent and never taken"));
}

#[test]
fn settling_with_an_expired_lease_is_caught() {
    assert!(is_caught(Mutant::AnyLease, "was settled with another lease"));
}

#[test]
fn a_new_id_for_each_attempt_is_caught() {
    assert!(is_caught(Mutant::FreshIds, "was never routed to it"));
}

#[test]
fn a_new_time_for_each_attempt_is_caught() {
    assert!(is_caught(Mutant::FreshTimes, "again as other bytes"));
}

#[test]
fn forgetting_earlier_attempts_is_caught() {
    assert!(is_caught(Mutant::ForgetsAttempts, "a receiver that does not recognize repeats"));
}

#[test]
fn delivering_to_a_paused_sink_is_caught() {
    assert!(is_caught(Mutant::IgnoresPause, "is paused and was given"));
}

#[test]
fn a_replay_that_creates_new_rows_is_caught() {
    assert!(is_caught(Mutant::ReplaysAsNew, "was never routed to it"));
}
