//! Seeded simulation of many tabs: the real client over a model of real localStorage and of a bad network.
//!
//! `LAMPLIGHT_SIM_SEED=<n>` runs one seed, `LAMPLIGHT_SIM_SEEDS=<n>` that many from 1 up.
#![allow(clippy::print_stdout, reason = "each world prints what happened in it")]
#![allow(
    clippy::struct_excessive_bools,
    clippy::too_many_lines,
    clippy::match_bool,
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "a world is a list of switches and of what happens, easiest to read in one place"
)]

mod chance;
mod overflow;
mod ports;
mod server;
mod storage;
mod verdict;
mod world;

use ports::Mutant;
use verdict::Verdict;
use world::{Setup, World};

fn seeds(default: u64) -> std::ops::RangeInclusive<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("LAMPLIGHT_SIM_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("LAMPLIGHT_SIM_SEEDS").unwrap_or(default),
    }
}

fn run_all(default: u64, setup: &Setup) -> Verdict {
    let mut all = Verdict::default();
    for seed in seeds(default) {
        let verdict = World::new(seed, setup).run();
        if let Some(fault) = verdict.faults.first() {
            panic!(
                "seed {seed}: {fault} (and {} more; the last: {:?})\nrun it alone with LAMPLIGHT_SIM_SEED={seed}",
                verdict.faults.len() - 1,
                verdict.faults.last()
            );
        }
        all.add(verdict);
    }
    println!("{all}");
    all
}

/// Storage takes little, and all that it cannot take stays in memory.
fn only_storage() -> Setup {
    Setup { share: 40_000, prompt: true, no_database: true, outage: true, ..Setup::default() }
}

/// How many of some seeds a broken client is caught in.
fn caught(setup: &Setup, fault: &str) -> usize {
    let is_caught = |seed: &u64| {
        World::new(*seed, setup).run().faults.iter().any(|known| known.contains(fault))
    };
    let caught = (1..=20).filter(is_caught).count();
    println!("{:?}: {fault} in {caught} of 20 seeds", setup.mutant);
    caught
}

#[test]
fn every_stored_event_is_accepted_once_the_world_calms_down_and_one_tab_lives() {
    let all = run_all(150, &Setup::default());
    assert!(all.promised > 10_000, "the world was too quiet to tell: {all}");
    assert!(all.adopted > 500, "too little was adopted to tell: {all}");
    assert!(all.grown > 200, "too few pages grew to tell: {all}");
}

#[test]
fn the_same_holds_when_no_browser_tells_which_tabs_live() {
    run_all(60, &Setup { liveness: false, ..Setup::default() });
}

#[test]
fn the_same_holds_when_the_quota_is_used_up() {
    let all = run_all(60, &Setup { quota: 30_000, ..Setup::default() });
    assert!(all.unstored > 100, "the quota was never reached: {all}");
}

#[test]
fn tabs_fill_their_share_together_and_go_over_it_by_a_bounded_amount() {
    let all = run_all(15, &only_storage());
    assert!(all.unstored > 1_000 && all.peak > 30_000, "the share was never reached: {all}");
}

#[test]
fn what_storage_has_no_room_for_goes_through_the_overflow() {
    let all = run_all(30, &Setup { share: 6_000, ..Setup::default() });
    assert!(all.overflowed > 2_000, "too little went through the overflow to tell: {all}");
}

#[test]
fn workers_and_pages_without_storage_lose_nothing_that_a_block_has() {
    let all = run_all(30, &Setup { workers: true, ..Setup::default() });
    assert!(all.overflowed > 1_000, "too little went through the overflow to tell: {all}");
}

#[test]
fn the_same_holds_without_storage_and_without_word_of_live_tabs() {
    let setup = Setup { workers: true, liveness: false, share: 6_000, ..Setup::default() };
    let all = run_all(20, &setup);
    assert!(all.overflowed > 1_000, "too little went through the overflow to tell: {all}");
}

#[test]
fn a_host_page_that_fills_the_quota_costs_nothing_that_is_promised() {
    let all = run_all(30, &Setup { crowded: true, ..Setup::default() });
    assert!(all.overflowed > 300, "too little went through the overflow to tell: {all}");
}

#[test]
fn a_long_outage_is_compacted_and_then_sent_whole() {
    let all = run_all(12, &Setup { outage: true, ..Setup::default() });
    assert!(all.compacted > 20, "too few backlogs were long enough to tell: {all}");
    let (written, events) = all.written;
    assert!(written * 2 <= events * 5, "compaction writes too much: {all}");
}

#[test]
fn a_holder_that_is_frozen_for_ten_minutes_holds_nothing_up() {
    run_all(20, &Setup { frozen: true, ..Setup::default() });
}

#[test]
fn an_event_that_the_server_can_never_take_holds_nothing_up() {
    let all = run_all(60, &Setup { poison: true, ..Setup::default() });
    assert!(all.rejected > 20, "nothing was rejected: {all}");
}

#[test]
fn while_no_tab_dies_and_no_answer_is_lost_nothing_is_sent_twice() {
    let all = run_all(40, &Setup { calm: true, ..Setup::default() });
    assert_eq!(all.duplicates, 0, "{all}");
    let (written, events) = all.written;
    assert!(
        written * 2 <= events * 3,
        "more than 1.5 bytes were written for a byte of events: {all}"
    );
}

#[test]
fn without_consent_nothing_is_sent_and_nothing_stays_and_what_comes_after_consent_is_as_safe_as_ever()
 {
    let all = run_all(150, &Setup { withdraws: true, ..Setup::default() });
    assert!(all.withdrawn > 1_000, "too little was withdrawn to tell: {all}");
    let all = run_all(30, &Setup { withdraws: true, share: 6_000, ..Setup::default() });
    assert!(all.overflowed > 500, "too little went through the overflow to tell: {all}");
}

#[test]
fn what_was_given_up_for_want_of_consent_is_declared_if_nobody_dies_on_the_way() {
    let all = run_all(60, &Setup { withdraws: true, calm: true, outage: true, ..Setup::default() });
    assert!(all.withdrawn > 1_000, "too little was withdrawn to tell: {all}");
}

#[test]
fn removing_before_the_server_answered_is_caught() {
    let setup = Setup { mutant: Mutant::EarlyAnswer, ..Setup::default() };
    assert!(caught(&setup, "removed without having been accepted") >= 15);
    assert!(caught(&setup, "was never accepted") >= 15);
}

#[test]
fn keys_that_two_tabs_write_are_caught() {
    let setup = Setup { mutant: Mutant::SharedKeys, ..Setup::default() };
    // Only what a dead tab leaves is read from storage, so not every world has a loss.
    assert!(caught(&setup, "was never accepted") >= 4);
}

#[test]
fn removing_keys_before_their_block_is_in_the_overflow_is_caught() {
    let setup = Setup { mutant: Mutant::EarlyWord, share: 6_000, ..Setup::default() };
    assert!(caught(&setup, "removed without having been accepted") >= 10);
}

#[test]
fn a_share_for_each_tab_instead_of_one_for_all_takes_measurably_more() {
    let peaks = |mutant| {
        let setup = Setup { mutant, ..only_storage() };
        (1..=20).map(|seed| World::new(seed, &setup).run().peak).sum::<usize>() / 20
    };
    let (shared, each) = (peaks(Mutant::None), peaks(Mutant::Weightless));
    println!("bytes at most, on average: {shared} in one share, {each} in one for each tab");
    assert!(each * 4 > shared * 5, "{each} is not measurably more than {shared}");
}

#[test]
fn adopting_at_the_first_sight_of_a_key_sends_measurably_more_twice() {
    let twice = |adopt_after_ms| {
        let setup = Setup { adopt_after_ms, brief: true, ..Setup::default() };
        (1..=60).map(|seed| World::new(seed, &setup).run().needless).sum::<u64>()
    };
    let (patient, hasty) = (twice(5_000), twice(0));
    println!("needless duplicates: {patient} with two scans, {hasty} with one");
    assert!(hasty > 2 * patient, "{hasty} is not measurably more than {patient}");
}
