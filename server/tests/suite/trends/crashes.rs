//! Crashes and power cuts around every write of trends: minutes, hours and days add up to the same,
//! and to what was counted.

use std::collections::BTreeMap;

use lamplight_server::store::{Figure, Resolution, Sample, Storage, TrendQuery};
use proptest::prelude::*;

use crate::store::machine::{Crash, Machine, on_disk};
use crate::store::memory::in_memory;
#[cfg(unix)]
use crate::store::postgres_machine::on_postgres;
#[cfg(unix)]
use crate::store::postgres_machine::seeds::{for_each_seed, random};
use crate::store::sample::NOW;

const MINUTE_MS: i64 = 60 * 1000;
/// More operations than a test does.
const NEVER: u64 = 1 << 40;

#[derive(Debug, Clone)]
enum Step {
    /// So much time passes, which is negative if the clock is set back, and events are stored.
    Sample(i64, i64),
    /// The last sample is recorded again.
    Again,
    CrashAfter(u64, Crash),
}

fn step() -> impl Strategy<Value = Step> {
    let crash = prop_oneof![Just(Crash::Kill), any::<u64>().prop_map(Crash::PowerCut)];
    let passed = prop_oneof![
        6 => Just(MINUTE_MS),
        1 => -90 * MINUTE_MS..90 * MINUTE_MS,
        1 => -48 * 60 * MINUTE_MS..48 * 60 * MINUTE_MS,
    ];
    prop_oneof![
        8 => (passed, 0_i64..100).prop_map(|(passed_ms, stored)| Step::Sample(passed_ms, stored)),
        1 => Just(Step::Again),
        2 => (0_u64..40, crash).prop_map(|(operations, crash)| Step::CrashAfter(operations, crash)),
    ]
}

/// The sum and the number of samples of a figure, over all periods.
async fn sums(storage: &Storage, resolution: Resolution, figure: Figure) -> (i64, u64) {
    let query = TrendQuery { resolution, from_ms: i64::MIN, to_ms: i64::MAX, limit: 100_000 };
    let periods = storage.trends.periods(query).await.unwrap();
    let rollups = periods.iter().filter_map(|period| period.figures.get(&figure));
    rollups.fold((0, 0), |(sum, samples), it| (sum + it.sum, samples + it.samples))
}

async fn run(mut machine: Box<dyn Machine>, steps: Vec<Step>) {
    let mut storage = machine.open(Vec::new()).await.unwrap();
    let (mut run, mut number, mut at_ms, mut stored) = (1, 0, NOW, 100);
    let (mut first, mut last) = (None, None);
    let mut crash = Crash::Kill;
    let mut samples_unsure = 0;
    let mut samples = 0;
    for step in steps {
        let sample = match step {
            Step::Sample(passed_ms, more) => {
                (at_ms, stored, number) = (at_ms + passed_ms, stored + more, number + 1);
                let values = BTreeMap::from([(Figure::Stored, stored), (Figure::DataBytes, 7)]);
                Some(Sample { run, number, at_ms, certain_ms: None, values })
            }
            Step::Again => last.clone(),
            Step::CrashAfter(operations, how) => {
                crash = how;
                machine.fail_after(operations);
                None
            }
        };
        if let Some(sample) = sample {
            let is_again = last.as_ref() == Some(&sample);
            let recorded = storage.trends.record(sample.clone()).await.is_ok();
            if !is_again {
                samples += u64::from(recorded);
                samples_unsure += u64::from(!recorded);
            }
            first.get_or_insert(stored);
            last = Some(sample);
        }
        if machine.has_failed() {
            machine.crash(crash).await;
            let _ = storage.close().await;
            storage = if let Some(storage) = machine.open(Vec::new()).await {
                storage
            } else {
                machine.crash(crash).await;
                machine.open(Vec::new()).await.unwrap()
            };
            (run, number, last) = (run + 1, 0, None);
        }
    }
    machine.fail_after(NEVER);
    let (number, values) = (number + 1, BTreeMap::from([(Figure::Stored, stored)]));
    let sample = Sample { run, number, at_ms, certain_ms: None, values };
    storage.trends.record(sample).await.unwrap();
    let days = sums(&storage, Resolution::Day, Figure::Stored).await;
    for resolution in [Resolution::Minute, Resolution::Hour] {
        assert_eq!(sums(&storage, resolution, Figure::Stored).await, days, "{resolution:?}");
    }
    // The first sample may have been lost in a crash, so that counting began with a later one.
    if let Some(first) = first {
        assert!(days.0 <= stored - first, "{days:?} of {} after {first}", stored - first);
        if samples_unsure == 0 {
            assert_eq!(days.0, stored - first, "each event is counted once");
        }
    }
    let (_, recorded) = sums(&storage, Resolution::Day, Figure::DataBytes).await;
    assert!((samples..=samples + samples_unsure).contains(&recorded), "{recorded} of {samples}");
}

fn simulate(machine: Box<dyn Machine>, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(machine, steps));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn periods_add_up_whenever_the_server_crashes(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        simulate(on_disk(), steps);
    }

    #[test]
    fn periods_add_up_in_memory(steps in proptest::collection::vec(step(), 1..60)) {
        let steps = steps.into_iter().filter(|it| !matches!(it, Step::CrashAfter(..))).collect();
        simulate(in_memory(), steps);
    }
}

#[cfg(unix)]
#[test]
fn periods_add_up_on_postgres_wherever_connections_are_cut() {
    for_each_seed(6, |seed| {
        simulate(on_postgres(), random(seed, &proptest::collection::vec(step(), 5..40)));
    });
}
