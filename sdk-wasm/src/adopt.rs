//! Other producers' events in storage: which there are, and whose page is gone.

use lamplight_wire::{Producer, Ranges};

use crate::keys::{Key, Keys};
use crate::mark::Mark;
use crate::ports::Storage;

/// Events of one producer that may be sent in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphans {
    /// Whose they are.
    pub producer: Producer,
    /// Their numbers; none when only the mark is left.
    pub seqs: Ranges,
    /// One more than the largest number known to be made.
    pub next: u64,
}

/// The rules' times, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How far apart two scans must have seen a key.
    pub adopt_after_ms: u64,
    /// How long a beat stands still before its producer counts as gone.
    pub beat_stale_ms: u64,
}

/// One look at one producer's keys.
#[derive(Debug)]
struct Scan {
    at_ms: u64,
    seqs: Ranges,
}

/// What is known of one other producer.
#[derive(Debug)]
struct Foreign {
    producer: Producer,
    /// The newest scan that is old enough to count, if there is one, and all after it. Never empty.
    scans: Vec<Scan>,
    /// Its mark's text, if it has one.
    mark: Option<String>,
    /// When the mark last changed, by our own monotonic clock.
    mark_changed_ms: u64,
    /// It was not in the last list of live producers.
    is_unlisted: bool,
    /// The bytes of each event, key included, ascending by number. Keys are written once, so one look is enough.
    sizes: Vec<(u64, usize)>,
}

/// Everything known of other producers.
#[derive(Debug)]
pub struct Others {
    patience: Patience,
    foreign: Vec<Foreign>,
}

impl Others {
    /// Nothing seen yet.
    pub const fn new(patience: Patience) -> Self {
        Self { patience, foreign: Vec::new() }
    }

    /// How many events of others the last scan saw.
    pub fn events(&self) -> u64 {
        self.foreign.iter().map(|foreign| foreign.seqs().map_or(0, Ranges::count)).sum()
    }

    /// How many bytes they take in storage, keys included.
    pub fn bytes(&self) -> usize {
        self.foreign.iter().flat_map(|foreign| &foreign.sizes).map(|(_, bytes)| bytes).sum()
    }

    /// Whether the last scan saw nothing of others.
    pub fn is_empty(&self) -> bool {
        self.foreign.is_empty()
    }

    /// Looks at all keys once.
    pub fn scan(&mut self, storage: &impl Storage, keys: &Keys, me: Producer, now_ms: u64) {
        for foreign in &mut self.foreign {
            foreign.scans.push(Scan { at_ms: now_ms, seqs: Ranges::new() });
        }
        let mut marked = Vec::new();
        for name in storage.keys(&keys.prefix()) {
            match keys.parse(&name) {
                Some(Key::Event(producer, seq)) if producer != me => {
                    let foreign = self.of(producer, now_ms);
                    if let Some(scan) = foreign.scans.last_mut() {
                        scan.seqs.insert(seq);
                    }
                    let at = foreign.sizes.partition_point(|(known, _)| *known < seq);
                    if foreign.sizes.get(at).is_none_or(|(known, _)| *known != seq) {
                        foreign.sizes.insert(at, (seq, name.len() + storage.size(&name)));
                    }
                }
                Some(Key::Mark(producer)) if producer != me => {
                    self.of(producer, now_ms);
                    marked.push(producer);
                }
                _ => {}
            }
        }
        let adopt_after_ms = self.patience.adopt_after_ms;
        self.foreign.retain_mut(|foreign| {
            let is_marked = marked.contains(&foreign.producer);
            let mark = is_marked.then(|| storage.get(&keys.mark(foreign.producer))).flatten();
            if mark != foreign.mark {
                foreign.mark = mark;
                foreign.mark_changed_ms = now_ms;
            }
            let is_old = |scan: &&Scan| scan.at_ms + adopt_after_ms <= now_ms;
            let old = foreign.scans.iter().filter(is_old).count();
            foreign.scans.drain(..old.saturating_sub(1));
            let Foreign { scans, sizes, .. } = foreign;
            let seqs = scans.last().map(|scan| &scan.seqs);
            sizes.retain(|(seq, _)| seqs.is_some_and(|seqs| seqs.contains(*seq)));
            is_marked || !sizes.is_empty()
        });
    }

    /// Whether somebody's events are old enough to adopt and only the list of live producers can tell the rest.
    pub fn wants_look(&self, now_ms: u64) -> bool {
        self.foreign.iter().any(|foreign| {
            foreign.settled(self.patience).is_some()
                && !foreign.mark().gone
                && !foreign.is_still(now_ms, self.patience)
        })
    }

    /// Notes who is alive.
    pub fn alive(&mut self, alive: &[Producer]) {
        for foreign in &mut self.foreign {
            foreign.is_unlisted = !alive.contains(&foreign.producer);
        }
    }

    /// What may be adopted now.
    pub fn orphans(&self, now_ms: u64) -> Vec<Orphans> {
        let mut orphans = Vec::new();
        for foreign in &self.foreign {
            let mark = foreign.mark();
            let is_gone =
                mark.gone || foreign.is_unlisted || foreign.is_still(now_ms, self.patience);
            let Some(seqs) = foreign.settled(self.patience).filter(|_| is_gone) else { continue };
            let last = foreign.seqs().and_then(Ranges::last).unwrap_or(0);
            let next = mark.next.max(last + 1);
            orphans.push(Orphans { producer: foreign.producer, seqs, next });
        }
        orphans
    }

    /// Forgets numbers that were answered, or whose keys turned out to be gone. Says whether none are left.
    pub fn forget(&mut self, producer: Producer, seqs: &Ranges) -> bool {
        let foreign = self.foreign.iter_mut().find(|foreign| foreign.producer == producer);
        let Some(foreign) = foreign else { return true };
        foreign.sizes.retain(|(seq, _)| !seqs.contains(*seq));
        let Some(scan) = foreign.scans.last_mut() else { return true };
        scan.seqs = scan.seqs.minus(seqs);
        scan.seqs.is_empty()
    }

    /// Forgets a producer of which nothing is left.
    pub fn forget_producer(&mut self, producer: Producer) {
        self.foreign.retain(|foreign| foreign.producer != producer);
    }

    fn of(&mut self, producer: Producer, now_ms: u64) -> &mut Foreign {
        let known = self.foreign.iter().position(|foreign| foreign.producer == producer);
        let at = known.unwrap_or_else(|| {
            self.foreign.push(Foreign {
                producer,
                scans: vec![Scan { at_ms: now_ms, seqs: Ranges::new() }],
                mark: None,
                mark_changed_ms: now_ms,
                is_unlisted: false,
                sizes: Vec::new(),
            });
            self.foreign.len() - 1
        });
        &mut self.foreign[at]
    }
}

impl Foreign {
    /// What the last scan saw.
    fn seqs(&self) -> Option<&Ranges> {
        self.scans.last().map(|scan| &scan.seqs)
    }

    fn mark(&self) -> Mark {
        Mark::parse(self.mark.as_deref().unwrap_or_default())
    }

    fn is_still(&self, now_ms: u64, patience: Patience) -> bool {
        now_ms >= self.mark_changed_ms + patience.beat_stale_ms
    }

    /// What the last scan and one long enough before it both saw. `None` when there is nothing of the kind: one
    /// look may show keys that were removed long ago, or that their owner is just now sending.
    fn settled(&self, patience: Patience) -> Option<Ranges> {
        let (first, last) = (self.scans.first()?, self.scans.last()?);
        if first.at_ms + patience.adopt_after_ms > last.at_ms {
            return None;
        }
        let both = first.seqs.minus(&first.seqs.minus(&last.seqs));
        // Only a mark, for long enough: there is still something to tell and to tidy up.
        (!both.is_empty() || last.seqs.is_empty()).then_some(both)
    }
}

#[cfg(test)]
mod tests {
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
        let one = Orphans { producer: OTHER, seqs: seqs(&[(1, 1)]), next: 4 };
        assert_eq!(others.orphans(5_000), [one]);
        others.scan(&storage, &keys, ME, 7_500);
        let both = Orphans { producer: OTHER, seqs: seqs(&[(1, 2)]), next: 4 };
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
}
