//! Fuzzing: arbitrary bytes for everything that reads what clients send.
//!
//! Inputs are mutations of seeds, made by a plain test that runs on the stable toolchain. The short
//! form runs with every test run. `LAMPLIGHT_FUZZ_ROUNDS=1000000` runs for a night, and
//! `LAMPLIGHT_FUZZ_SEED` repeats a run. An input that breaks a target is written to
//! `crashers/<target>`, and every later run tries it again.

mod mutate;
mod seeds;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use mutate::Mutator;

/// How many inputs each target gets by default.
const ROUNDS: u64 = 3_000;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

fn crashers(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/fuzz/crashers").join(target)
}

/// Tries old crashers, the seeds, and then mutations of them.
fn fuzz(target: &str, seeds: &[Vec<u8>], run: fn(&[u8])) {
    for entry in std::fs::read_dir(crashers(target)).into_iter().flatten() {
        let path = entry.unwrap().path();
        println!("trying {}", path.display());
        run(&std::fs::read(path).unwrap());
    }
    for seed in seeds {
        run(seed);
    }
    let seed = number("LAMPLIGHT_FUZZ_SEED", 0x1A3F_5EED);
    let mut mutator = Mutator::new(seed);
    for round in 0..number("LAMPLIGHT_FUZZ_ROUNDS", ROUNDS) {
        let input = mutator.mutate(seeds);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(&input))) {
            let folder = crashers(target);
            std::fs::create_dir_all(&folder).unwrap();
            let path = folder.join(format!("{seed:x}-{round}"));
            std::fs::write(&path, &input).unwrap();
            println!("{target} broke in round {round} of seed {seed}; see {}", path.display());
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn bodies_are_read_alike_by_intake_and_processing() {
    fuzz("bodies", &seeds::bodies(), targets::body);
}

#[test]
fn packed_bodies_never_pass_the_limit() {
    fuzz("packed", &seeds::packed(), targets::packed);
}

#[test]
fn events_are_read_or_refused_with_a_reason() {
    fuzz("events", &seeds::events(), targets::event);
}

#[test]
fn names_and_ranges_have_one_spelling() {
    fuzz("names", &seeds::names(), targets::names);
}

#[test]
fn groups_of_a_stream_are_read_or_refused() {
    fuzz("groups", &seeds::groups(), targets::group);
}

#[test]
fn an_input_that_breaks_a_target_is_kept_and_told() {
    let broken = catch_unwind(|| {
        fuzz("self-test", &[b"[1,2,3]".to_vec()], |input| assert!(!input.contains(&b'}')));
    });
    let kept = std::fs::read_dir(crashers("self-test")).unwrap().count();
    std::fs::remove_dir_all(crashers("self-test")).unwrap();
    assert!(broken.is_err());
    assert_eq!(kept, 1);
}
