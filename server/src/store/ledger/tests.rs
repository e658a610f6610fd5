//! What a ledger counts, and what it costs at most.

use super::*;
use crate::store::ledger_text::{read_dropped, read_received};
use proptest::prelude::*;

fn ranges(pairs: &[(u64, u64)]) -> Ranges {
    pairs.iter().copied().collect()
}

fn note(next: u64, reason: &str, pairs: &[(u64, u64)]) -> ProducerNote {
    ProducerNote { next, dropped: vec![(reason.to_owned(), ranges(pairs))] }
}

fn arrive_up_to(ledger: &mut Ledger, last: u64) {
    for seq in 1..=last {
        ledger.arrive(seq);
    }
}

/// Every second number of `count`.
fn scattered(count: u64) -> Vec<(u64, u64)> {
    (0..count).map(|step| (1 + 2 * step, 1 + 2 * step)).collect()
}

#[test]
fn a_number_below_next_that_neither_arrived_nor_was_given_up_is_a_hole() {
    let mut ledger = Ledger::new("web", 1);
    for seq in [1, 2, 5] {
        assert_eq!(ledger.arrive(seq), Arrival::First);
    }
    ledger.apply_declaration(&note(9, "quota", &[(3, 3)]));
    assert_eq!(ledger.holes(), ranges(&[(4, 4), (6, 8)]));
    assert_eq!(ledger.declared(), vec![("quota".to_owned(), ranges(&[(3, 3)]))]);
    assert_eq!(ledger.sums(), Sums { made: 8, received: 3, declared: 1, missing: 4 });
}

#[test]
fn a_number_that_was_given_up_and_arrived_after_all_is_not_declared() {
    let mut ledger = Ledger::new("web", 1);
    ledger.apply_declaration(&note(3, "quota", &[(1, 2)]));
    assert_eq!(ledger.arrive(2), Arrival::First);
    assert_eq!(ledger.sums(), Sums { made: 2, received: 1, declared: 1, missing: 0 });
}

#[test]
fn a_hole_is_in_flight_for_thirty_days_and_lost_after() {
    let mut ledger = Ledger::new("web", 1_000);
    ledger.arrive(2);
    let sums = ledger.sums();
    assert_eq!(sums.verdict(1_000, 1_000 + IN_FLIGHT_MS), Completeness::InFlight);
    assert_eq!(sums.verdict(1_000, 1_001 + IN_FLIGHT_MS), Completeness::Lost);
}

#[test]
fn numbers_too_scattered_to_be_real_are_not_taken() {
    let mut ledger = Ledger::new("web", 1);
    for (seq, _) in scattered(RANGES_MAX as u64) {
        assert_eq!(ledger.arrive(seq), Arrival::First);
    }
    assert_eq!(ledger.arrive(1_000_000), Arrival::TooScattered);
    assert_eq!(ledger.arrive(2), Arrival::First, "a number that closes a gap is always taken");
}

#[test]
fn reasons_beyond_the_limit_are_kept_under_other() {
    let mut ledger = Ledger::new("web", 1);
    for step in 0..40u64 {
        ledger.apply_declaration(&note(0, &format!("reason{step}"), &[(step + 1, step + 1)]));
    }
    assert_eq!(ledger.dropped.len(), REASONS_MAX + 1);
    assert_eq!(ledger.sums().declared, 40);
}

#[test]
fn the_bytes_of_a_ledger_are_bounded_whatever_is_declared() {
    let mut ledger = Ledger::new("web", 1);
    for reason in 0..64 {
        for batch in 0..20 {
            let far = SEQ_MAX - 50_000 + batch * 2_000;
            let pairs: Vec<_> = (0..1_000).map(|step| (far + 2 * step, far + 2 * step)).collect();
            ledger.apply_declaration(&note(0, &format!("reason{reason}"), &pairs));
        }
    }
    for step in 0..2_000 {
        ledger.arrive(SEQ_MAX - 100_000 + 2 * step);
    }
    assert!(ledger.ranges() <= RANGES_MAX, "{} ranges", ledger.ranges());
    let bytes = ledger.received_json().len() + ledger.dropped_json().len();
    assert!(bytes <= 32 * 1_024, "{bytes} bytes");
    assert!(ledger.refused > 1_000_000, "{} numbers were refused", ledger.refused);
    let room = ledger.received.as_slice().len();
    assert_eq!(room, RANGES_MAX - DROPPED_RANGES_MAX, "events find room beside declarations");
}

#[test]
fn a_declaration_without_room_is_counted_and_what_fits_is_kept() {
    let mut ledger = Ledger::new("web", 1);
    ledger.apply_declaration(&note(0, "quota", &scattered(DROPPED_RANGES_MAX as u64 - 1)));
    assert_eq!((ledger.refused, ledger.sums().declared), (0, 511));
    ledger.apply_declaration(&note(0, "quota", &[(2, 2), (5_000, 5_009), (6_000, 6_009)]));
    assert_eq!(ledger.refused, 0, "one range joins two others");
    ledger.apply_declaration(&note(0, "quota", &[(7_000, 7_004), (5_010, 5_019)]));
    assert_eq!(ledger.refused, 5);
    let told: u64 = ledger.declared().iter().map(|(_, ranges)| ranges.count()).sum();
    assert_eq!(told, 511 + 1 + 10 + 10 + 10);
}

#[test]
fn an_outage_that_drops_ten_thousand_numbers_is_exact() {
    let mut ledger = Ledger::new("web", 1);
    // A full storage that each request frees for a hundred events.
    for round in 0..200 {
        let first = round * 150 + 1;
        (first..first + 100).for_each(|seq| assert_eq!(ledger.arrive(seq), Arrival::First));
        ledger.apply_declaration(&note(0, "quota", &[(first + 100, first + 149)]));
    }
    let want = Sums { made: 30_000, received: 20_000, declared: 10_000, missing: 0 };
    assert_eq!((ledger.sums(), ledger.refused), (want, 0));
}

#[test]
fn what_is_claimed_far_ahead_of_what_arrived_does_not_count() {
    for claim in [
        note(SEQ_MAX + 1, "quota", &[]),
        note(0, "quota", &[(1, SEQ_MAX)]),
        note(0, "quota", &[(SEQ_MAX, SEQ_MAX)]),
    ] {
        let mut ledger = Ledger::new("web", 1);
        ledger.apply_declaration(&claim);
        assert_eq!((ledger.sums().made, ledger.claimed()), (20_000, SEQ_MAX), "{claim:?}");
        for (arrived, want) in [(1, 21_000), (2, 22_000), (500, 520_000), (980, 1_000_000)] {
            arrive_up_to(&mut ledger, arrived);
            let sums = ledger.sums();
            assert_eq!((sums.received, sums.made), (arrived, arrived + want), "{claim:?}");
        }
        arrive_up_to(&mut ledger, 2_000);
        assert_eq!((ledger.sums().made, ledger.believed()), (1_002_000, 1_002_000));
    }
    let mut ledger = Ledger::new("web", 1);
    ledger.arrive(SEQ_MAX);
    assert_eq!(ledger.sums().made, 1 + 21_001, "an event far ahead is a claim, too");
}

#[test]
fn a_page_that_comes_back_with_a_full_overflow_is_exact() {
    let mut ledger = Ledger::new("web", 1);
    ledger.apply_declaration(&note(500_001, "quota", &[]));
    assert_eq!(ledger.sums().missing, 20_000);
    arrive_up_to(&mut ledger, 500);
    let want = Sums { made: 500_000, received: 500, declared: 0, missing: 499_500 };
    assert_eq!(ledger.sums(), want, "after five batches of a hundred events");
}

#[test]
fn a_forgotten_ledger_counts_what_arrived_and_knows_it_again() {
    let mut ledger = Ledger::new("web", 1);
    for seq in [1, 2, 5] {
        ledger.arrive(seq);
    }
    ledger.apply_declaration(&note(SEQ_MAX, "quota", &[(3, 3)]));
    ledger.forget();
    assert_eq!(ledger.sums(), Sums { made: 3, received: 3, declared: 0, missing: 0 });
    assert_eq!((ledger.arrive(5), ledger.arrive(4)), (Arrival::Again, Arrival::First));
    assert_eq!(ledger.sums(), Sums { made: 4, received: 4, declared: 0, missing: 0 });
}

proptest! {
    #[test]
    fn it_adds_up_and_its_texts_read_back(
        seqs in prop::collection::vec(1u64..60, 0..30),
        next in 0u64..70,
        dropped in prop::collection::vec(("[a-z]{1,3}", 1u64..60, 0u64..5), 0..5),
        forgets: bool,
    ) {
        let mut ledger = Ledger::new("web", 1);
        for seq in seqs {
            ledger.arrive(seq);
        }
        let dropped =
            dropped.into_iter().map(|(reason, from, len)| (reason, ranges(&[(from, from + len)])));
        ledger.apply_declaration(&ProducerNote { next, dropped: dropped.collect() });
        if forgets {
            ledger.forget();
            ledger.apply_declaration(&note(80, "quota", &[(75, 75)]));
        }
        let sums = ledger.sums();
        prop_assert_eq!(sums.made, sums.received + sums.declared + sums.missing);
        if !forgets {
            prop_assert_eq!(sums.made, ledger.claimed());
        }
        prop_assert_eq!(&read_received(&ledger.received_json()).unwrap(), &ledger.received);
        prop_assert_eq!(&read_dropped(&ledger.dropped_json()).unwrap(), &ledger.dropped);
    }
}
