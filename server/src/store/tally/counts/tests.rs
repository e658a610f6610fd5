//! Counts of periods against a model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const KEPT: Kept = Kept { minutes: 5, hours: 4, days: 3 };
const BEGIN_MS: i64 = 1_700_000_000_000;

proptest! {
    #[test]
    fn a_period_that_is_kept_has_all_of_its_count(
        steps in prop::collection::vec((0_i64..400, 1_i64..5), 0..200),
    ) {
        let (mut counts, mut model) = (Counts::at(BEGIN_MS), BTreeMap::<_, i64>::new());
        for (minutes, count) in &steps {
            let at_ms = BEGIN_MS + minutes * 60_000 * 7;
            counts.add(at_ms, *count, KEPT);
            for resolution in Resolution::ALL {
                *model.entry((resolution, at_ms.div_euclid(resolution.period_ms()))).or_default() += count;
            }
            prop_assert_eq!(Counts::read(&counts.write()), Some(counts.clone()));
        }
        prop_assert_eq!(counts.total(), steps.iter().map(|(_, count)| count).sum::<i64>());
        for (resolution, max) in [(Resolution::Minute, 5), (Resolution::Hour, 4), (Resolution::Day, 3)] {
            let periods = counts.periods(resolution);
            prop_assert!(periods.entries().len() <= max);
            for (at, count) in periods.entries() {
                prop_assert_eq!(model[&(resolution, *at)], *count);
            }
            let newest = model.keys().filter(|(it, _)| *it == resolution).map(|(_, at)| *at).max();
            prop_assert_eq!(periods.entries().last().map(|(at, _)| *at), newest);
        }
    }

    #[test]
    fn counts_of_two_databases_are_those_of_one_as_far_as_both_know_them(
        steps in prop::collection::vec((0_i64..400, 1_i64..5, any::<bool>()), 1..200),
    ) {
        let (mut one, mut two) = (None::<Counts>, [None::<Counts>, None]);
        for (minutes, count, is_second) in &steps {
            let at_ms = BEGIN_MS + minutes * 60_000 * 7;
            for counts in [&mut one, &mut two[usize::from(*is_second)]] {
                let counts = counts.get_or_insert_with(|| Counts::at(at_ms));
                counts.add(at_ms, *count, KEPT);
                counts.extend(at_ms, at_ms);
            }
        }
        let one = one.unwrap();
        let mut two = two.into_iter().flatten();
        let mut merged = two.next().unwrap();
        for it in two {
            merged.merge(&it, 1, KEPT);
        }
        prop_assert_eq!(merged.total(), one.total());
        prop_assert_eq!((merged.first_ms, merged.last_ms), (one.first_ms, one.last_ms));
        prop_assert_eq!(merged.weeks(), one.weeks());
        for resolution in Resolution::ALL {
            let (merged, one) = (merged.periods(resolution), one.periods(resolution));
            for (at, count) in merged.entries() {
                prop_assert!(!one.covers(*at) || one.get(*at) == *count);
            }
            prop_assert_eq!(merged.entries().last(), one.entries().last());
        }
    }

    #[test]
    fn any_bytes_are_counts_or_not_without_a_panic(bytes: Vec<u8>) {
        let _ = Counts::read(&bytes);
    }
}

proptest! {
    #[test]
    fn counts_that_are_divided_and_merged_are_those_of_all(
        steps in prop::collection::vec((0_i64..400, any::<bool>()), 1..200),
    ) {
        let mut parts = [Counts::at(BEGIN_MS), Counts::at(BEGIN_MS)];
        let mut all = Counts::at(BEGIN_MS);
        for (minutes, is_second) in &steps {
            let at_ms = BEGIN_MS + minutes * 60_000 * 7;
            parts[usize::from(*is_second)].add_unordered(at_ms, 1, KEPT);
            all.add_unordered(at_ms, 1, KEPT);
        }
        let [mut one, two] = parts;
        let (kept, first) = (all.clone(), one.clone());
        one.merge(&two, 1, KEPT);
        prop_assert_eq!(one.difference(&kept, true, |_| true), None);
        prop_assert_eq!(one.total(), kept.total());
        for resolution in Resolution::ALL {
            // Recent periods are displaced by nothing that is older.
            let last = |counts: &Counts| counts.periods(resolution).entries().last().copied();
            prop_assert_eq!(last(&one), last(&kept));
        }
        all.merge(&two, -1, KEPT);
        prop_assert_eq!(all.total(), first.total());
        prop_assert_eq!(all.difference(&first, true, |_| true), None);
    }
}

#[test]
fn a_clock_that_was_wrong_for_a_while_displaces_little() {
    let year_ms = 365 * 24 * 3_600_000_i64;
    let mut counts = Counts::at(BEGIN_MS);
    for minute in 0..5 {
        counts.add(BEGIN_MS + minute * 60_000, 1, KEPT);
    }
    counts.add(BEGIN_MS + year_ms, 1, KEPT);
    for minute in 6..20 {
        counts.add(BEGIN_MS + minute * 60_000, 1, KEPT);
    }
    let minutes = counts.buckets(Resolution::Minute, 0, i64::MAX);
    assert_eq!(minutes.len(), 5);
    assert!(minutes.iter().all(|it| it.begin_ms < BEGIN_MS + 20 * 60_000), "{minutes:?}");
    assert_eq!(counts.total(), 20);
}
