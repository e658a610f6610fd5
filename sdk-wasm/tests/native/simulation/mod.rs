//! Seeded simulation of many tabs: the real client over models of real localStorage and an
//! unreliable network.
//!
//! `LAMPLIGHT_SIM_SEED=<n>` runs one seed, `LAMPLIGHT_SIM_SEEDS=<n>` runs seeds 1 to n. With fewer
//! seeds than usual, the tests do not check that enough happened to tell anything.
#![allow(clippy::print_stdout, reason = "each world prints what happened in it")]
#![allow(
    clippy::struct_excessive_bools,
    clippy::too_many_lines,
    clippy::match_bool,
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "a world is a list of switches and of what happens, easiest to read in one place"
)]

mod overflow;
mod ports;
mod random;
mod report;
mod server;
mod storage;
mod world;

use ports::Mutant;
use report::RunReport;
use server::Answers;
use world::{Setup, World};

fn seeds(default: u64) -> std::ops::RangeInclusive<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("LAMPLIGHT_SIM_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("LAMPLIGHT_SIM_SEEDS").unwrap_or(default),
    }
}

fn run_all(default: u64, setup: &Setup) -> RunReport {
    let seeds = seeds(default);
    let is_short = seeds.clone().count() < (1..=default).count();
    let mut all = RunReport { is_short, ..RunReport::default() };
    for seed in seeds {
        let report = World::new(seed, setup).run();
        if let Some(violation) = report.violations.first() {
            panic!(
                "seed {seed}: {violation} (and {} more; the last: {:?})\nrun it again with LAMPLIGHT_SIM_SEED={seed}",
                report.violations.len() - 1,
                report.violations.last()
            );
        }
        all.add(report);
    }
    println!("{all}");
    all
}

/// Storage is small, and what does not fit stays in memory.
fn only_storage() -> Setup {
    Setup { share: 40_000, fast_storage: true, no_database: true, outage: true, ..Setup::default() }
}

/// How many of 20 seeds detect a broken client.
fn seeds_that_detect(setup: &Setup, violation: &str) -> usize {
    let detects = |seed: &u64| {
        World::new(*seed, setup).run().violations.iter().any(|known| known.contains(violation))
    };
    let count = (1..=20).filter(detects).count();
    println!("{:?}: {violation} in {count} of 20 seeds", setup.mutant);
    count
}

#[test]
fn every_stored_event_is_accepted_after_faults_end_while_one_tab_lives() {
    let all = run_all(150, &Setup::default());
    all.assert_enough(all.promised > 10_000, "too few events were stored to tell");
    all.assert_enough(all.adopted > 500, "too little was adopted to tell");
    all.assert_enough(all.full_clients > 200, "too few full clients took over to tell");
    all.assert_enough(all.told_arrived > 100, "too little was asked to tell");
}

#[test]
fn no_event_is_lost_when_browsers_cannot_list_live_tabs() {
    run_all(60, &Setup { liveness: false, ..Setup::default() });
}

#[test]
fn no_event_is_lost_when_the_quota_is_used_up() {
    let all = run_all(60, &Setup { quota: 30_000, ..Setup::default() });
    all.assert_enough(all.unstored > 100, "the quota was never reached");
}

#[test]
fn tabs_share_one_storage_limit_and_exceed_it_by_a_bounded_amount() {
    let all = run_all(15, &only_storage());
    all.assert_enough(all.unstored > 1_000 && all.peak > 30_000, "the share was never reached");
}

#[test]
fn events_that_do_not_fit_in_storage_go_through_the_overflow() {
    let all = run_all(30, &Setup { share: 6_000, ..Setup::default() });
    all.assert_enough(all.overflowed > 2_000, "too little went through the overflow to tell");
}

#[test]
fn workers_and_pages_without_storage_lose_no_event_in_a_block() {
    let all = run_all(30, &Setup { workers: true, ..Setup::default() });
    all.assert_enough(all.overflowed > 1_000, "too little went through the overflow to tell");
}

#[test]
fn no_block_is_lost_without_storage_and_without_a_list_of_live_tabs() {
    let setup = Setup { workers: true, liveness: false, share: 6_000, ..Setup::default() };
    let all = run_all(20, &setup);
    all.assert_enough(all.overflowed > 1_000, "too little went through the overflow to tell");
}

#[test]
fn no_stored_event_is_lost_when_the_host_page_fills_the_quota() {
    let all = run_all(30, &Setup { host_fills_quota: true, ..Setup::default() });
    all.assert_enough(all.overflowed > 300, "too little went through the overflow to tell");
}

#[test]
fn a_long_backlog_is_compacted_and_then_sent_completely() {
    let all = run_all(12, &Setup { outage: true, ..Setup::default() });
    all.assert_enough(all.compacted > 20, "too few backlogs were long enough to tell");
    let (written, events) = all.written;
    assert!(written * 2 <= events * 5, "compaction writes too much: {all}");
}

#[test]
fn a_lease_holder_frozen_for_ten_minutes_delays_no_other_tab() {
    run_all(20, &Setup { freezes_holder: true, ..Setup::default() });
}

#[test]
fn a_permanently_rejected_event_delays_no_other_event() {
    let all = run_all(60, &Setup { rejections: true, ..Setup::default() });
    all.assert_enough(all.rejected > 20, "nothing was rejected");
}

#[test]
fn nothing_is_sent_twice_without_crashes_and_lost_responses() {
    let all = run_all(40, &Setup { reliable: true, ..Setup::default() });
    assert_eq!(all.duplicates, 0, "{all}");
    let (written, events) = all.written;
    assert!(
        written * 2 <= events * 3,
        "more than 1.5 bytes were written for a byte of events: {all}"
    );
}

#[test]
fn events_of_pages_that_are_left_at_once_are_not_sent_twice() {
    let left = |answers| {
        let visits = Setup { leaves_at_once: true, short_visits: true, ..Setup::default() };
        run_all(30, &Setup { answers: Some(answers), ..visits })
    };
    let all = left(Answers::All);
    all.assert_enough(all.told_arrived > 10_000, "too little was asked to tell");
    // A page that is not yet seen as gone is asked about by nobody.
    assert!(all.duplicates * 50 <= all.accepted, "{all}");
    let old = left(Answers::None);
    assert!(old.duplicates * 5 >= old.accepted * 4, "an older server gets them twice: {old}");
}

#[test]
fn no_event_of_a_page_that_is_left_at_once_is_lost_while_the_server_fails() {
    let all = run_all(60, &Setup { leaves_at_once: true, ..Setup::default() });
    all.assert_enough(all.told_arrived > 2_000, "too little was asked to tell");
    all.assert_enough(all.duplicates > 2_000, "too little was lost on the way to tell");
}

#[test]
fn a_server_that_answers_with_numbers_that_have_not_arrived_is_detected() {
    let answers = Some(Answers::Invented);
    let setup = Setup { leaves_at_once: true, answers, ..Setup::default() };
    assert!(seeds_that_detect(&setup, "removed without having been accepted") >= 15);
}

#[test]
fn withdrawn_events_are_never_sent_and_later_events_are_safe() {
    let all = run_all(150, &Setup { withdraws: true, ..Setup::default() });
    all.assert_enough(all.withdrawn > 1_000, "too little was withdrawn to tell");
    let all = run_all(30, &Setup { withdraws: true, share: 6_000, ..Setup::default() });
    all.assert_enough(all.overflowed > 500, "too little went through the overflow to tell");
}

#[test]
fn withdrawn_numbers_are_declared_when_no_tab_crashes() {
    let all =
        run_all(60, &Setup { withdraws: true, reliable: true, outage: true, ..Setup::default() });
    all.assert_enough(all.withdrawn > 1_000, "too little was withdrawn to tell");
}

#[test]
fn removing_keys_before_the_response_is_detected() {
    let setup = Setup { mutant: Mutant::EarlyAccept, ..Setup::default() };
    assert!(seeds_that_detect(&setup, "removed without having been accepted") >= 15);
    assert!(seeds_that_detect(&setup, "was never accepted") >= 15);
}

#[test]
fn keys_written_by_two_tabs_are_detected() {
    let setup = Setup { mutant: Mutant::SharedKeys, ..Setup::default() };
    // Only the events of a dead tab are read from storage, so not every run loses one.
    assert!(seeds_that_detect(&setup, "was never accepted") >= 4);
}

#[test]
fn removing_keys_before_their_block_is_committed_is_detected() {
    let setup = Setup { mutant: Mutant::EarlyOverflowDone, share: 6_000, ..Setup::default() };
    assert!(seeds_that_detect(&setup, "removed without having been accepted") >= 10);
}

#[test]
fn one_storage_limit_per_tab_takes_measurably_more_storage() {
    let peaks = |mutant| {
        let setup = Setup { mutant, ..only_storage() };
        (1..=20).map(|seed| World::new(seed, &setup).run().peak).sum::<usize>() / 20
    };
    let (shared, each) = (peaks(Mutant::None), peaks(Mutant::IgnoresForeignBytes));
    println!(
        "peak bytes in storage, on average: {shared} with a shared limit, {each} with one per tab"
    );
    assert!(each * 4 > shared * 5, "{each} is not measurably more than {shared}");
}

#[test]
fn adopting_after_one_scan_sends_measurably_more_duplicates() {
    let twice = |adopt_after_ms| {
        let setup = Setup { adopt_after_ms, short_visits: true, ..Setup::default() };
        (1..=60).map(|seed| World::new(seed, &setup).run().needless).sum::<u64>()
    };
    let (patient, hasty) = (twice(5_000), twice(0));
    println!("needless duplicates: {patient} with two scans, {hasty} with one");
    assert!(hasty > 2 * patient, "{hasty} is not measurably more than {patient}");
}
