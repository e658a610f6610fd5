//! Seeded simulation of delivering: the real lanes and sinks over the real store on a disk that loses what was not
//! synced, and receivers as unreliable as real ones. A process may end before and after every call to the store and every
//! request.
//!
//! `LAMPLIGHT_DELIVER_SEED=<n>` runs one seed, `LAMPLIGHT_DELIVER_SEEDS=<n>` that many from 1 up.

use std::ops::{AddAssign, RangeInclusive};

mod chance;
mod clock;
mod event;
mod gates;
mod happenings;
mod laws;
mod receivers;
mod watched;
mod weather;
mod witness;
mod world;

use watched::Mutant;
use weather::Weather;
use world::World;

use crate::store::machine::{Machine, on_disk};
use crate::store::memory::in_memory;

/// How many worlds there usually are.
const SEEDS: u64 = 20;

/// What a run showed.
#[derive(Debug, Default)]
struct Verdict {
    faults: Vec<String>,
    events: usize,
    gone: usize,
    ends: u64,
    rounds: u64,
    /// Gates until it calmed down.
    gates: u64,
    repeats: u64,
    late: u64,
    failed_requests: u64,
}

impl AddAssign for Verdict {
    fn add_assign(&mut self, other: Self) {
        self.faults.extend(other.faults);
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

/// How much happens before a world calms down.
#[derive(Debug, Clone, Copy)]
enum Story {
    /// Anything, so many times.
    Any(u32),
    /// A few payloads, each sink's lanes once, a replay; the process ends at the gate with this number.
    Short(Option<u64>),
}

fn run(machine: Box<dyn Machine>, seed: u64, mutant: Mutant, story: Story) -> Verdict {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let crash_at = if let Story::Short(at) = story { at } else { None };
        let mut world = World::new(machine, seed, mutant, crash_at);
        match story {
            Story::Any(happenings) => {
                for sink in event::SINKS {
                    world.set_weather(sink, Weather::Stormy);
                }
                world.set_weather(event::DEAD, Weather::Dead);
                for _ in 0..happenings {
                    world.happen().await;
                }
            }
            Story::Short(_) => world.tell_short().await,
        }
        let gates = world.gates;
        world.calm_down().await;
        world.check();
        let witness = world.shared.witness();
        Verdict {
            faults: witness.faults.clone(),
            events: witness.events.len(),
            gone: witness.gone.len(),
            ends: world.ends,
            rounds: world.rounds,
            gates,
            repeats: witness.repeats,
            late: witness.late,
            failed_requests: witness.failed_requests,
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

/// Tells which seed it was, whatever ends a run.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seed {0}: run it alone with LAMPLIGHT_DELIVER_SEED={0}", self.0);
        }
    }
}

fn run_well(machine: Box<dyn Machine>, seed: u64, story: Story) -> Verdict {
    let _named = Named(seed);
    let verdict = run(machine, seed, Mutant::None, story);
    if let Some(fault) = verdict.faults.first() {
        panic!("seed {seed}, {story:?}: {fault} (and {} more)", verdict.faults.len() - 1);
    }
    verdict
}

#[test]
fn every_delivery_ends_once_whatever_fails_and_wherever_the_process_ends() {
    let mut all = Verdict::default();
    for seed in seeds() {
        all += run_well(on_disk(), seed, Story::Any(120));
    }
    println!("{all:?}");
    let worlds = seeds().count() as u64;
    assert!(worlds < SEEDS || all.repeats > worlds, "too little was sent twice to tell: {all:?}");
    assert!(worlds < SEEDS || all.late > worlds, "too few leases ended early to tell: {all:?}");
}

#[test]
fn every_delivery_ends_once_in_memory() {
    let mut all = Verdict::default();
    for seed in seeds() {
        all += run_well(in_memory(), seed, Story::Any(60));
    }
    println!("{all:?}");
}

#[test]
fn the_same_when_the_process_ends_at_each_gate_in_turn() {
    let mut all = Verdict::default();
    for seed in seeds().step_by(20) {
        let gates = run_well(on_disk(), seed, Story::Short(None)).gates;
        for gate in 1..=gates {
            all += run_well(on_disk(), seed, Story::Short(Some(gate)));
        }
    }
    println!("{all:?}");
}

/// Whether one of some worlds of a broken server shows this fault, on each kind of machine.
fn is_caught(mutant: Mutant, fault: &str) -> bool {
    let machines: [fn() -> Box<dyn Machine>; 2] = [on_disk, in_memory];
    machines.into_iter().all(|machine| {
        let shows = |seed: &u64| {
            let verdict = run(machine(), *seed, mutant, Story::Any(120));
            verdict.faults.iter().any(|known| known.contains(fault))
        };
        let seed = (1..=60).find(shows);
        println!("{mutant:?}: {fault}, first in the world of seed {seed:?}");
        seed.is_some()
    })
}

#[test]
fn settling_before_sending_is_caught() {
    assert!(is_caught(Mutant::SettlesFirst, "was settled as sent and never taken"));
}

#[test]
fn settling_with_a_lease_that_has_ended_is_caught() {
    assert!(is_caught(Mutant::AnyLease, "was settled with another lease"));
}

#[test]
fn another_id_for_another_attempt_is_caught() {
    assert!(is_caught(Mutant::FreshIds, "was never routed to it"));
}

#[test]
fn another_time_for_another_attempt_is_caught() {
    assert!(is_caught(Mutant::FreshTimes, "again as other bytes"));
}

#[test]
fn forgetting_that_an_event_was_tried_is_caught() {
    assert!(is_caught(Mutant::ForgetsAttempts, "a receiver that cannot tell"));
}

#[test]
fn delivering_to_a_paused_sink_is_caught() {
    assert!(is_caught(Mutant::IgnoresPause, "is paused and was given"));
}

#[test]
fn a_replay_that_makes_new_rows_is_caught() {
    assert!(is_caught(Mutant::ReplaysAsNew, "was never routed to it"));
}
