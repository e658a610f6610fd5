//! Which histories run: those of some seeds, and in the long form those of many.
//!
//! `TEST_POSTGRES_SEEDS=<n>` runs the long form, with n seeds for each kind of history and a cut at
//! every operation. `TEST_POSTGRES_SEED=<n>` runs one seed, or a cut at one operation.

use std::ops::RangeInclusive;

use proptest::prelude::{ProptestConfig, Strategy};
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

const ONE: &str = "TEST_POSTGRES_SEED";
const MANY: &str = "TEST_POSTGRES_SEEDS";

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("it is a number"))
}

/// Runs the histories of some seeds, this many in the short form.
pub(crate) fn for_each_seed(short: u64, mut run: impl FnMut(u64)) {
    let seeds = match number(ONE) {
        Some(seed) => seed..=seed,
        None => 1..=number(MANY).unwrap_or(short),
    };
    for seed in seeds {
        let _print = PrintSeed(seed);
        run(seed);
    }
}

/// Runs a history that is cut at an operation, for every operation until it is not cut, which
/// `run` returns. In the short form, for each `stride`th.
pub(crate) fn for_each_operation(stride: usize, mut run: impl FnMut(u64) -> bool) {
    let (operations, stride): (RangeInclusive<u64>, usize) = match (number(ONE), number(MANY)) {
        (Some(operation), _) => (operation..=operation, 1),
        (None, Some(_)) => (0..=u64::MAX, 1),
        (None, None) => (0..=u64::MAX, stride),
    };
    let mut cuts = 0;
    for operation in operations.step_by(stride) {
        let _print = PrintSeed(operation);
        if !run(operation) {
            break;
        }
        cuts += 1;
    }
    println!("cut at {cuts} operations, one of {stride} each");
    assert!(cuts > 0, "nothing was cut");
}

/// A random value, the same for a seed.
pub(crate) fn random<S: Strategy>(seed: u64, strategy: &S) -> S::Value {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    strategy.new_tree(&mut runner).unwrap().current()
}

/// Prints the seed of a history that panics.
struct PrintSeed(u64);

impl Drop for PrintSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seed {0}: run it alone with {ONE}={0}", self.0);
        }
    }
}
