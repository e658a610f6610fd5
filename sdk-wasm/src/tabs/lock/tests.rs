use super::*;

const WAITS: LockWaits = LockWaits::from_settle(250);

/// Runs one lock against the registers until it is held or until `until_ms`; returns when it was
/// held.
fn run(lock: &mut Lock, y: &mut Option<String>, from_ms: u64, until_ms: u64) -> Option<u64> {
    let mut x = None;
    lock.request(from_ms, WAITS);
    while let Some(now_ms) = lock.due_ms().filter(|due_ms| *due_ms <= until_ms) {
        let value = match lock.next_access(now_ms).unwrap() {
            LockAccess::Read(LockRegister::X) => x.clone(),
            LockAccess::Read(LockRegister::Y) => y.clone(),
            LockAccess::Write(LockRegister::X, text) => {
                x = Some(text);
                None
            }
            LockAccess::Write(LockRegister::Y, text) => {
                *y = Some(text);
                None
            }
            LockAccess::RemoveY => {
                *y = None;
                None
            }
        };
        lock.complete_access(now_ms, value.as_deref(), 7);
        if lock.phase() == LockPhase::Held {
            return Some(now_ms);
        }
    }
    None
}

#[test]
fn an_uncontended_lock_takes_two_settle_times() {
    let mut lock = Lock::new(Producer::from_bits(1));
    assert_eq!(run(&mut lock, &mut None, 1_000, 9_000), Some(1_500));
}

#[test]
fn release_clears_the_register() {
    let (mut lock, mut y) = (Lock::new(Producer::from_bits(1)), None);
    run(&mut lock, &mut y, 0, 9_000);
    lock.release(600);
    assert_eq!(run(&mut lock, &mut y, 600, 700), None);
    assert_eq!((lock.phase(), y), (LockPhase::Idle, None));
}

#[test]
fn release_leaves_another_tab_s_claim_in_place() {
    let (mut lock, mut y) = (Lock::new(Producer::from_bits(1)), None);
    run(&mut lock, &mut y, 0, 9_000);
    let other = Some(Producer::from_bits(2).to_string() + ".1.250");
    y.clone_from(&other);
    lock.release(600);
    run(&mut lock, &mut y, 600, 700);
    assert_eq!((lock.phase(), y), (LockPhase::Idle, other));
}

#[test]
fn a_dead_holder_is_replaced_within_five_seconds() {
    let mut lock = Lock::new(Producer::from_bits(1));
    let mut y = Some(Producer::from_bits(2).to_string() + ".9.250");
    let held_ms = run(&mut lock, &mut y, 0, 60_000).unwrap();
    assert!((2_250..4_500).contains(&held_ms), "{held_ms}");
}

/// Reads register Y at these times while it holds these claims. Returns at which of them the lock
/// took Y as free.
fn taken_as_free(reads: &[(u64, &str)]) -> Option<u64> {
    let mut lock = Lock::new(Producer::from_bits(1));
    for (at_ms, y) in reads {
        // Each read is that of an attempt of its own.
        (lock.phase, lock.due_ms, lock.waits) = (LockPhase::ReadY, *at_ms, WAITS);
        lock.complete_access(*at_ms, Some(y), 0);
        if lock.phase() == LockPhase::WriteY {
            return Some(*at_ms);
        }
    }
    None
}

#[test]
fn a_claim_counts_as_dead_only_after_it_stayed_the_same_for_long_enough() {
    let [one, two] = [2, 3].map(|bits| Producer::from_bits(bits).to_string() + ".9.250");
    // T to settle, D on contention, the section, and three times T of lateness: 2,250 ms.
    assert_eq!(taken_as_free(&[(0, &one), (1_000, &one), (2_250, &one)]), None);
    assert_eq!(taken_as_free(&[(0, &one), (2_251, &one)]), Some(2_251));
    // A second holder has the whole time again.
    let successive = [(0, one.as_str()), (2_200, &two), (2_300, &two), (4_450, &two)];
    assert_eq!(taken_as_free(&successive), None);
    assert_eq!(taken_as_free(&[successive.as_slice(), &[(4_451, &two)]].concat()), Some(4_451));
    // So has the same holder's next attempt.
    let again = Producer::from_bits(2).to_string() + ".10.250";
    assert_eq!(taken_as_free(&[(0, &one), (2_200, &again), (2_300, &again)]), None);
    // A holder with slow timers may keep its claim for longer, and one whose text tells nothing has
    // this tab's own time.
    let slow = Producer::from_bits(2).to_string() + ".9.1000";
    assert_eq!(taken_as_free(&[(0, &slow), (6_000, &slow)]), None);
    assert_eq!(taken_as_free(&[(0, &slow), (6_001, &slow)]), Some(6_001));
    assert_eq!(taken_as_free(&[(0, "x"), (2_250, "x"), (2_251, "x")]), Some(2_251));
    let quick = Producer::from_bits(2).to_string() + ".9.1";
    assert_eq!(taken_as_free(&[(0, &quick), (2_250, &quick), (2_251, &quick)]), Some(2_251));
}

#[test]
fn an_own_claim_of_an_earlier_attempt_is_free_at_once() {
    let own = Producer::from_bits(1).to_string() + ".9.250";
    assert_eq!(taken_as_free(&[(0, &own)]), Some(0));
}

#[test]
fn attempts_that_fail_start_again_after_one_to_four_settle_times() {
    for (random, wait_ms) in [(0, 250), (750, 1_000), (751, 250), (100, 350)] {
        let mut lock = Lock::new(Producer::from_bits(1));
        lock.request(0, WAITS);
        lock.next_access(0).unwrap();
        lock.complete_access(0, None, random);
        assert_eq!((lock.phase(), lock.due_ms()), (LockPhase::ReadY, Some(250)));
        assert_eq!(lock.next_access(249), None);
        lock.complete_access(250, Some("other"), random);
        assert_eq!((lock.phase(), lock.due_ms()), (LockPhase::WriteX, Some(250 + wait_ms)));
    }
}

#[test]
fn a_wait_may_end_one_settle_time_late_and_no_more() {
    let at_write_y = || {
        let mut lock = Lock::new(Producer::from_bits(1));
        lock.request(0, WAITS);
        lock.next_access(0).unwrap();
        lock.complete_access(0, None, 0);
        lock
    };
    let mut lock = at_write_y();
    assert_eq!(lock.next_access(500), Some(LockAccess::Read(LockRegister::Y)));
    lock.complete_access(500, None, 0);
    assert_eq!(lock.phase(), LockPhase::WriteY);
    let mut lock = at_write_y();
    assert!(matches!(lock.next_access(501), Some(LockAccess::Write(LockRegister::X, _))));
    // A pause between the access and its result counts as well.
    let mut lock = at_write_y();
    lock.next_access(400).unwrap();
    lock.complete_access(501, None, 0);
    assert_eq!((lock.phase(), lock.due_ms()), (LockPhase::WriteX, Some(501)));
}

#[test]
fn contention_costs_the_delay() {
    let mut lock = Lock::new(Producer::from_bits(1));
    lock.request(0, WAITS);
    for now_ms in [0, 250, 250] {
        lock.next_access(now_ms).unwrap();
        lock.complete_access(now_ms, None, 0);
    }
    assert_eq!((lock.phase(), lock.due_ms()), (LockPhase::ReadX, Some(500)));
    lock.complete_access(500, Some("other"), 0);
    // T plus the longest section.
    assert_eq!((lock.phase(), lock.due_ms()), (LockPhase::CheckY, Some(500 + 750)));
}

#[test]
fn only_claims_that_storage_put_back_make_the_lock_unusable() {
    let me = Producer::from_bits(1);
    let after = |last: &dyn Fn(u32) -> Option<String>| {
        let mut lock = Lock::new(me);
        for round in 0..8 {
            (lock.phase, lock.due_ms, lock.waits) = (LockPhase::CheckY, 0, WAITS);
            lock.complete_access(0, last(round).as_deref(), 0);
            if lock.is_unusable() {
                return Some(round + 1);
            }
        }
        None
    };
    assert_eq!(after(&|_| None), Some(4));
    let other = Producer::from_bits(2).to_string() + ".1.250";
    assert_eq!(after(&|_| Some(other.clone())), None, "another tab was faster");
    let every_third = |round: u32| (round % 3 == 2).then(|| other.clone());
    assert_eq!(after(&every_third), None, "four in a row");
    // A release makes the next attempt start normally.
    let mut lock = Lock::new(me);
    for _ in 0..4 {
        (lock.phase, lock.due_ms, lock.waits) = (LockPhase::CheckY, 0, WAITS);
        lock.complete_access(0, None, 0);
    }
    assert!(lock.is_unusable());
    lock.release(0);
    assert!(!lock.is_unusable());
}

#[test]
fn each_phase_has_its_name() {
    let names = [
        (LockPhase::Idle, "idle"),
        (LockPhase::WriteX, "requesting"),
        (LockPhase::ReadY, "requesting"),
        (LockPhase::WriteY, "claiming"),
        (LockPhase::ReadX, "claiming"),
        (LockPhase::CheckY, "checking"),
        (LockPhase::Held, "held"),
        (LockPhase::ReleaseCheck, "releasing"),
        (LockPhase::Release, "releasing"),
    ];
    for (phase, name) in names {
        assert_eq!(phase.name(), name);
    }
}

#[test]
fn a_paused_tab_starts_the_algorithm_again() {
    let mut lock = Lock::new(Producer::from_bits(1));
    lock.request(0, WAITS);
    lock.next_access(0).unwrap();
    lock.complete_access(0, None, 0);
    lock.next_access(250).unwrap();
    lock.complete_access(250, None, 0);
    assert_eq!(lock.phase(), LockPhase::WriteY);
    let access = lock.next_access(900).unwrap();
    assert!(matches!(access, LockAccess::Write(LockRegister::X, _)), "{access:?}");
}

#[test]
fn storage_that_reverts_claims_makes_the_lock_unusable() {
    let me = Producer::from_bits(1);
    // Nothing; an earlier claim of ours, which stays when a longer one does not fit; a dead
    // holder's.
    for before in
        [None, Some(me.to_string() + ".0.250"), Some(Producer::from_bits(2).to_string() + ".9.250")]
    {
        let mut lock = Lock::new(me);
        lock.request(0, WAITS);
        let mut x = None;
        while !lock.is_unusable() {
            let now_ms = lock.due_ms().unwrap();
            assert!(now_ms < 60_000, "it still believes in {before:?}");
            let value = match lock.next_access(now_ms).unwrap() {
                LockAccess::Read(LockRegister::X) => x.clone(),
                LockAccess::Read(LockRegister::Y) => before.clone(),
                LockAccess::Write(LockRegister::X, text) => {
                    x = Some(text);
                    None
                }
                LockAccess::Write(LockRegister::Y, _) | LockAccess::RemoveY => None,
            };
            lock.complete_access(now_ms, value.as_deref(), 7);
            assert_ne!(lock.phase(), LockPhase::Held);
        }
    }
}
