use super::*;
use crate::ports::Refusal;
use std::collections::BTreeMap;

#[derive(Default)]
struct Plain(BTreeMap<String, String>);

impl Storage for Plain {
    fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }
    fn size(&self, key: &str) -> usize {
        self.0.get(key).map_or(0, String::len)
    }
    fn set(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
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
const PATIENCE: Patience = Patience { adopt_after_ms: 5_000, beat_stale_ms: 300_000 };

fn seqs(pairs: &[(u64, u64)]) -> Ranges {
    pairs.iter().copied().collect()
}

#[test]
fn a_key_is_adopted_only_when_two_scans_five_seconds_apart_saw_it() {
    let (mut storage, keys) = (Plain::default(), Keys::new("n"));
    let mut others = Others::new(PATIENCE);
    storage.set(&keys.event(OTHER, 1), "{}").unwrap();
    storage.set(&keys.mark(OTHER), "gone:4").unwrap();
    others.scan(&storage, &keys, ME, 0);
    storage.set(&keys.event(OTHER, 2), "{}").unwrap();
    others.scan(&storage, &keys, ME, 2_500);
    assert_eq!(others.orphans(2_500), []);
    others.scan(&storage, &keys, ME, 5_000);
    let one = Orphans { producer: OTHER, seqs: seqs(&[(1, 1)]), blocks: Vec::new(), next: 4 };
    assert_eq!(others.orphans(5_000), [one]);
    others.scan(&storage, &keys, ME, 7_500);
    let both = Orphans { producer: OTHER, seqs: seqs(&[(1, 2)]), blocks: Vec::new(), next: 4 };
    assert_eq!(others.orphans(7_500), [both]);
}

#[test]
fn events_of_a_live_page_are_left_alone() {
    let (mut storage, keys) = (Plain::default(), Keys::new("n"));
    let mut others = Others::new(PATIENCE);
    storage.set(&keys.event(OTHER, 1), "{}").unwrap();
    others.scan(&storage, &keys, ME, 0);
    others.scan(&storage, &keys, ME, 5_000);
    assert!(others.wants_look(5_000));
    others.alive(&[OTHER]);
    assert_eq!(others.orphans(5_000), []);
    others.alive(&[]);
    assert_eq!(others.orphans(5_000).len(), 1);
}

#[test]
fn a_beat_that_stands_still_for_long_is_a_page_that_is_gone() {
    let (mut storage, keys) = (Plain::default(), Keys::new("n"));
    let mut others = Others::new(PATIENCE);
    storage.set(&keys.event(OTHER, 1), "{}").unwrap();
    for (at_ms, beat) in [(0, "1:2"), (250_000, "2:2"), (549_999, "2:2"), (550_000, "2:2")] {
        storage.set(&keys.mark(OTHER), beat).unwrap();
        others.scan(&storage, &keys, ME, at_ms);
        assert_eq!(others.orphans(at_ms).len(), usize::from(at_ms == 550_000), "{at_ms}");
    }
}
