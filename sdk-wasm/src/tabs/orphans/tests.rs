use super::*;
use crate::ports::StorageError;
use std::collections::BTreeMap;

#[derive(Default)]
struct MemoryStorage(BTreeMap<String, String>);

impl Storage for MemoryStorage {
    fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }
    fn size(&self, key: &str) -> usize {
        self.0.get(key).map_or(0, String::len)
    }
    fn set(&mut self, key: &str, value: &str) -> Result<(), StorageError> {
        self.0.insert(key.into(), value.into());
        Ok(())
    }
    fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }
    fn keys(&self, prefix: &str) -> Vec<String> {
        self.0.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }
}

const ME: Producer = Producer::from_bits(1);
const OTHER: Producer = Producer::from_bits(2);
const DELAYS: AdoptionDelays =
    AdoptionDelays { adopt_after_ms: 5_000, heartbeat_stale_ms: 300_000 };

fn seqs(pairs: &[(u64, u64)]) -> Ranges {
    pairs.iter().copied().collect()
}

#[test]
fn a_key_is_adopted_only_after_two_scans_five_seconds_apart() {
    let (mut storage, keys) = (MemoryStorage::default(), StorageKeys::new("n"));
    let mut foreign = ForeignProducers::new(DELAYS);
    storage.set(&keys.event(OTHER, 1), "{}").unwrap();
    storage.set(&keys.heartbeat(OTHER), "gone:4").unwrap();
    foreign.scan(&storage, &keys, ME, 0);
    storage.set(&keys.event(OTHER, 2), "{}").unwrap();
    foreign.scan(&storage, &keys, ME, 2_500);
    assert_eq!(foreign.orphaned(2_500), []);
    foreign.scan(&storage, &keys, ME, 5_000);
    let one = OrphanedProducer {
        producer: OTHER,
        seqs: seqs(&[(1, 1)]),
        blocks: Vec::new(),
        next: 4,
        may_have_arrived: true,
    };
    assert_eq!(foreign.orphaned(5_000), [one]);
    foreign.scan(&storage, &keys, ME, 7_500);
    let both = OrphanedProducer {
        producer: OTHER,
        seqs: seqs(&[(1, 2)]),
        blocks: Vec::new(),
        next: 4,
        may_have_arrived: true,
    };
    assert_eq!(foreign.orphaned(7_500), [both]);
}

#[test]
fn events_of_a_live_page_are_not_adopted() {
    let (mut storage, keys) = (MemoryStorage::default(), StorageKeys::new("n"));
    let mut foreign = ForeignProducers::new(DELAYS);
    storage.set(&keys.event(OTHER, 1), "{}").unwrap();
    foreign.scan(&storage, &keys, ME, 0);
    foreign.scan(&storage, &keys, ME, 5_000);
    assert!(foreign.needs_lock_query(5_000));
    foreign.update_liveness(&[OTHER]);
    assert_eq!(foreign.orphaned(5_000), []);
    foreign.update_liveness(&[]);
    assert_eq!(foreign.orphaned(5_000).len(), 1);
}

#[test]
fn a_stale_heartbeat_makes_its_events_orphaned() {
    let (mut storage, keys) = (MemoryStorage::default(), StorageKeys::new("n"));
    let mut foreign = ForeignProducers::new(DELAYS);
    storage.set(&keys.event(OTHER, 1), "{}").unwrap();
    for (at_ms, beat) in [(0, "1:2"), (250_000, "2:2"), (549_999, "2:2"), (550_000, "2:2")] {
        storage.set(&keys.heartbeat(OTHER), beat).unwrap();
        foreign.scan(&storage, &keys, ME, at_ms);
        assert_eq!(foreign.orphaned(at_ms).len(), usize::from(at_ms == 550_000), "{at_ms}");
    }
}

#[test]
fn a_page_s_own_keys_are_not_foreign() {
    let (mut storage, keys) = (MemoryStorage::default(), StorageKeys::new("n"));
    let mut foreign = ForeignProducers::new(DELAYS);
    let block = block::BlockName { producer: ME, number: 1, events: 2, bytes: 3 };
    for key in [keys.event(ME, 1), keys.block(block), keys.heartbeat(ME)] {
        storage.set(&key, "1:2").unwrap();
        foreign.scan(&storage, &keys, ME, 0);
        assert!(foreign.is_empty(), "{key}");
    }
    foreign.apply_overflow_list(&block.write(), ME, 0);
    assert!(foreign.is_empty());
}

#[test]
fn other_pages_events_and_bytes_follow_each_scan() {
    let (mut storage, keys) = (MemoryStorage::default(), StorageKeys::new("n"));
    let mut foreign = ForeignProducers::new(DELAYS);
    let block = block::BlockName { producer: OTHER, number: 1, events: 20, bytes: 300 };
    storage.set(&keys.event(OTHER, 1), "12345").unwrap();
    storage.set(&keys.event(OTHER, 2), "1234567").unwrap();
    storage.set(&keys.block(block), "its text").unwrap();
    foreign.scan(&storage, &keys, ME, 0);
    foreign.scan(&storage, &keys, ME, 10);
    let key_bytes = keys.event(OTHER, 1).len();
    let all = 2 * key_bytes + 5 + 7 + keys.block(block).len() + 300;
    assert_eq!((foreign.events(), foreign.bytes(), foreign.overflow_bytes()), (22, all, 0));
    foreign.apply_overflow_list(&block.write(), ME, 20);
    assert_eq!((foreign.events(), foreign.bytes(), foreign.overflow_bytes()), (42, all, 300));
    storage.remove(&keys.event(OTHER, 1));
    storage.remove(&keys.block(block));
    foreign.scan(&storage, &keys, ME, 30);
    assert_eq!((foreign.events(), foreign.bytes()), (21, key_bytes + 7));
    foreign.apply_overflow_list("", ME, 40);
    storage.remove(&keys.event(OTHER, 2));
    foreign.scan(&storage, &keys, ME, 50);
    assert!(foreign.is_empty());
    assert_eq!((foreign.events(), foreign.bytes(), foreign.overflow_bytes()), (0, 0, 0));
}

#[test]
fn a_key_that_one_scan_missed_must_be_confirmed_again() {
    let (mut storage, keys) = (MemoryStorage::default(), StorageKeys::new("n"));
    let mut foreign = ForeignProducers::new(DELAYS);
    let block = block::BlockName { producer: OTHER, number: 1, events: 1, bytes: 3 };
    storage.set(&keys.heartbeat(OTHER), "gone:4").unwrap();
    storage.set(&keys.block(block), "1 {}\n").unwrap();
    foreign.scan(&storage, &keys, ME, 0);
    storage.remove(&keys.block(block));
    foreign.scan(&storage, &keys, ME, 2_500);
    storage.set(&keys.block(block), "1 {}\n").unwrap();
    foreign.scan(&storage, &keys, ME, 5_000);
    foreign.scan(&storage, &keys, ME, 9_999);
    assert!(foreign.orphaned(9_999).iter().all(|orphans| orphans.blocks.is_empty()));
    foreign.scan(&storage, &keys, ME, 10_000);
    assert_eq!(foreign.orphaned(10_000)[0].blocks.len(), 1);
}
