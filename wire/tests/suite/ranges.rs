//! Sets of sequence numbers, compared with plain sets. The ranges themselves are compared: a set
//! whose ranges touch has the right numbers and is still wrong, because every later step relies on
//! ranges that are sorted, apart and as few as possible.

use std::collections::BTreeSet;

use lamplight_wire::{Ranges, limits};
use proptest::prelude::*;

type Pairs = Vec<(u64, u64)>;

/// The fewest ranges that hold these numbers, ascending.
fn fewest(numbers: &BTreeSet<u64>) -> Pairs {
    let mut ranges: Pairs = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    ranges
}

fn plain(pairs: &[(u64, u64)]) -> BTreeSet<u64> {
    pairs.iter().flat_map(|(from, to)| *from..=*to).collect()
}

fn set(pairs: &[(u64, u64)]) -> Ranges {
    pairs.iter().copied().collect()
}

fn pairs() -> impl Strategy<Value = Pairs> {
    prop::collection::vec((1u64..60, 0u64..6).prop_map(|(from, len)| (from, from + len)), 0..12)
}

#[derive(Debug, Clone)]
enum Call {
    Insert(u64),
    InsertRange(u64, u64),
    Append(u64),
    Union(Pairs),
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        (1u64..60).prop_map(Call::Insert),
        (1u64..60, 1u64..60).prop_map(|(from, to)| Call::InsertRange(from, to)),
        (1u64..70).prop_map(Call::Append),
        pairs().prop_map(Call::Union),
    ]
}

proptest! {
    #[test]
    fn any_sequence_of_calls_leaves_the_fewest_ranges(
        calls in prop::collection::vec(call(), 0..12),
        // Sequence numbers are compared alike at both ends of what is allowed.
        base in prop_oneof![Just(0), Just(limits::SEQ_MAX - 70)],
    ) {
        let (mut ranges, mut numbers) = (Ranges::new(), BTreeSet::new());
        for call in calls {
            match call {
                Call::Insert(seq) => {
                    prop_assert_eq!(ranges.insert(base + seq), numbers.insert(base + seq));
                }
                Call::InsertRange(from, to) => {
                    ranges.insert_range(base + from, base + to);
                    numbers.extend(base + from..=base + to);
                }
                Call::Append(seq) => {
                    ranges.append(base + seq);
                    if numbers.last().is_none_or(|last| *last < base + seq) {
                        numbers.insert(base + seq);
                    }
                }
                Call::Union(pairs) => {
                    let more: Pairs =
                        pairs.iter().map(|(from, to)| (base + from, base + to)).collect();
                    ranges.union(&set(&more));
                    numbers.extend(plain(&more));
                }
            }
            prop_assert_eq!(ranges.as_slice(), fewest(&numbers));
        }
        prop_assert_eq!(ranges.is_empty(), numbers.is_empty());
        prop_assert_eq!(ranges.count(), numbers.len() as u64);
        prop_assert_eq!(ranges.last(), numbers.last().copied());
        for seq in base..base + 80 {
            prop_assert_eq!(ranges.contains(seq), numbers.contains(&seq));
        }
    }

    #[test]
    fn holes_are_exactly_the_missing_numbers_below_the_end(pairs in pairs(), end in 0u64..80) {
        let missing = (1..end).filter(|seq| !plain(&pairs).contains(seq)).collect();
        let holes = set(&pairs).holes(end);
        prop_assert_eq!(holes.as_slice(), fewest(&missing));
    }

    #[test]
    fn minus_matches_that_of_plain_sets(a in pairs(), b in pairs()) {
        let want = plain(&a).difference(&plain(&b)).copied().collect();
        let rest = set(&a).minus(&set(&b));
        prop_assert_eq!(rest.as_slice(), fewest(&want));
    }

    #[test]
    fn merged_and_within_match_those_of_plain_sets(
        a in pairs(),
        b in pairs(),
        after in 0u64..80,
        last in 0u64..80,
    ) {
        let both: BTreeSet<u64> = plain(&a).union(&plain(&b)).copied().collect();
        let merged = set(&a).merged(&set(&b));
        prop_assert_eq!(merged.as_slice(), &fewest(&both)[..]);
        let part: BTreeSet<u64> =
            plain(&a).into_iter().filter(|it| *it > after && *it <= last).collect();
        let within = set(&a).within(after, last);
        prop_assert_eq!(within.as_slice(), &fewest(&part)[..]);
        if after > 0 && after <= last {
            let is_near = plain(&a).iter().any(|it| (after - 1..=last + 1).contains(it));
            prop_assert_eq!(set(&a).meets(after, last), is_near);
        }
    }

    #[test]
    fn the_json_form_lists_the_ranges(pairs in pairs()) {
        let ranges = set(&pairs);
        let mut json = String::new();
        ranges.push_json(&mut json);
        prop_assert_eq!(json, serde_json::to_string(ranges.as_slice()).unwrap());
    }
}

#[test]
fn a_range_merges_with_what_it_overlaps_or_touches_and_nothing_else() {
    // Two ranges, and a gap of one number and of two on either side of them.
    let before = [(4, 6), (10, 12)];
    for (added, want) in [
        ((1, 2), vec![(1, 2), (4, 6), (10, 12)]),
        ((1, 3), vec![(1, 6), (10, 12)]),
        ((3, 3), vec![(3, 6), (10, 12)]),
        ((4, 6), vec![(4, 6), (10, 12)]),
        ((5, 5), vec![(4, 6), (10, 12)]),
        ((6, 7), vec![(4, 7), (10, 12)]),
        ((7, 7), vec![(4, 7), (10, 12)]),
        ((8, 8), vec![(4, 6), (8, 8), (10, 12)]),
        ((8, 9), vec![(4, 6), (8, 12)]),
        ((7, 9), vec![(4, 12)]),
        ((5, 11), vec![(4, 12)]),
        ((1, 20), vec![(1, 20)]),
        ((13, 14), vec![(4, 6), (10, 14)]),
        ((14, 14), vec![(4, 6), (10, 12), (14, 14)]),
        // A range that runs backwards is empty.
        ((8, 7), before.to_vec()),
        ((9, 5), before.to_vec()),
    ] {
        let mut ranges = set(&before);
        ranges.insert_range(added.0, added.1);
        assert_eq!(ranges.as_slice(), want, "{added:?}");
    }
}

#[test]
fn a_number_between_two_ranges_joins_them() {
    let mut ranges = set(&[(1, 3), (5, 7), (9, 9)]);
    assert!(ranges.insert(4));
    assert_eq!(ranges.as_slice(), [(1, 7), (9, 9)]);
    assert!(!ranges.insert(4), "it is in the set");
    assert!(ranges.insert(8));
    assert_eq!(ranges.as_slice(), [(1, 9)]);
}

#[test]
fn append_takes_only_numbers_above_the_last() {
    let mut ranges = Ranges::new();
    for (seq, want) in [
        (2, vec![(2, 2)]),
        (2, vec![(2, 2)]),
        (1, vec![(2, 2)]),
        (3, vec![(2, 3)]),
        (5, vec![(2, 3), (5, 5)]),
        (4, vec![(2, 3), (5, 5)]),
        (6, vec![(2, 3), (5, 6)]),
    ] {
        ranges.append(seq);
        assert_eq!(ranges.as_slice(), want, "after {seq}");
    }
}

#[test]
fn both_ends_of_a_range_are_in_the_set() {
    let ranges = set(&[(1, 1), (4, 6)]);
    let inside: Vec<u64> = (0..9).filter(|seq| ranges.contains(*seq)).collect();
    assert_eq!(inside, [1, 4, 5, 6]);
    assert_eq!((ranges.count(), ranges.last(), ranges.is_empty()), (4, Some(6), false));
    let empty = Ranges::new();
    assert_eq!((empty.count(), empty.last(), empty.is_empty()), (0, None, true));
    assert!(!empty.contains(1));
}

#[test]
fn holes_begin_at_one_and_end_below_the_end() {
    for (pairs, end, want) in [
        (vec![], 0, vec![]),
        (vec![], 1, vec![]),
        (vec![], 2, vec![(1, 1)]),
        (vec![], 5, vec![(1, 4)]),
        (vec![(1, 3)], 4, vec![]),
        (vec![(1, 3)], 5, vec![(4, 4)]),
        (vec![(2, 3)], 4, vec![(1, 1)]),
        (vec![(3, 4), (6, 6)], 9, vec![(1, 2), (5, 5), (7, 8)]),
        // Ranges at or above the end, and one across it.
        (vec![(1, 1), (5, 6)], 5, vec![(2, 4)]),
        (vec![(1, 1), (5, 6)], 6, vec![(2, 4)]),
        (vec![(1, 1), (7, 8)], 5, vec![(2, 4)]),
    ] {
        assert_eq!(set(&pairs).holes(end).as_slice(), want, "{pairs:?} below {end}");
    }
}

#[test]
fn minus_cuts_ranges_at_both_ends() {
    let ranges = set(&[(4, 8), (11, 11)]);
    for (taken, want) in [
        (vec![], vec![(4, 8), (11, 11)]),
        (vec![(1, 3), (9, 10), (12, 20)], vec![(4, 8), (11, 11)]),
        (vec![(1, 4)], vec![(5, 8), (11, 11)]),
        (vec![(8, 11)], vec![(4, 7)]),
        (vec![(8, 8)], vec![(4, 7), (11, 11)]),
        (vec![(5, 5), (7, 7)], vec![(4, 4), (6, 6), (8, 8), (11, 11)]),
        (vec![(4, 8)], vec![(11, 11)]),
        (vec![(1, 20)], vec![]),
    ] {
        assert_eq!(ranges.minus(&set(&taken)).as_slice(), want, "minus {taken:?}");
    }
}

#[test]
fn the_largest_integers_are_numbers_like_any_other() {
    let mut ranges = set(&[(1, 1), (u64::MAX - 1, u64::MAX - 1)]);
    ranges.insert_range(u64::MAX, u64::MAX);
    assert_eq!(ranges.as_slice(), [(1, 1), (u64::MAX - 1, u64::MAX)]);
    assert!(ranges.contains(u64::MAX) && !ranges.contains(u64::MAX - 2));
    assert!(!ranges.insert(u64::MAX));
    let mut json = "x".to_owned();
    ranges.push_json(&mut json);
    assert_eq!(json, "x[[1,1],[18446744073709551614,18446744073709551615]]");
}
