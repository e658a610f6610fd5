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
