//! The queue, held against a simple model under any sequence of calls and any whim of storage.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

use std::collections::BTreeMap;

use lamplight_sdk::keys::Keys;
use lamplight_sdk::ports::{Refusal, Storage};
use lamplight_sdk::queue::{Kept, Queue, Room};
use lamplight_wire::{Producer, Ranges};
use proptest::prelude::*;

const ME: Producer = Producer::from_bits(7);
const ROOM: Room = Room { storage_bytes_max: 2_000, memory_bytes_max: 400, settle_ms: 10 };

/// Storage that refuses, or loses without a word, when told to.
#[derive(Default)]
struct Moody {
    values: BTreeMap<String, String>,
    refuses: bool,
}

impl Storage for Moody {
    fn get(&self, key: &str) -> Option<String> {
        self.values.get(key).cloned()
    }
    fn size(&self, key: &str) -> usize {
        self.values.get(key).map_or(0, String::len)
    }
    fn set(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
        if self.refuses {
            return Err(Refusal::Full);
        }
        self.values.insert(key.into(), value.into());
        Ok(())
    }
    fn remove(&mut self, key: &str) {
        self.values.remove(key);
    }
    fn keys(&self, prefix: &str) -> Vec<String> {
        self.values.keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }
}

#[derive(Debug, Clone)]
enum Call {
    Push { bytes: usize, refuses: bool },
    Pick { events_max: usize, bytes_max: usize },
    Answer { accepted: bool },
    Park,
    Lose { nth: usize },
    Tend { refuses: bool },
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        4 => (1usize..120, prop::bool::weighted(0.2))
            .prop_map(|(bytes, refuses)| Call::Push { bytes, refuses }),
        2 => (1usize..8, 1usize..500)
            .prop_map(|(events_max, bytes_max)| Call::Pick { events_max, bytes_max }),
        2 => any::<bool>().prop_map(|accepted| Call::Answer { accepted }),
        1 => Just(Call::Park),
        1 => (0usize..10).prop_map(|nth| Call::Lose { nth }),
        1 => any::<bool>().prop_map(|refuses| Call::Tend { refuses }),
    ];
    prop::collection::vec(call, 1..80)
}

/// What the queue must know: every unanswered event, and the request it is in.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    text: String,
    request: u32,
    parked: bool,
}

struct World {
    storage: Moody,
    keys: Keys,
    queue: Queue,
    known: BTreeMap<u64, Known>,
    seq: u64,
    request: u32,
    now_ms: u64,
}

impl World {
    fn new() -> Self {
        Self {
            storage: Moody::default(),
            keys: Keys::new("m"),
            queue: Queue::new(ME, ROOM),
            known: BTreeMap::new(),
            seq: 0,
            request: 0,
            now_ms: 0,
        }
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Push { bytes, refuses } => self.push(*bytes, *refuses),
            Call::Pick { events_max, bytes_max } => self.pick(*events_max, *bytes_max),
            Call::Answer { accepted } => self.answer(*accepted),
            Call::Park => self.park(),
            Call::Lose { nth } => {
                if let Some(key) = self.storage.values.keys().nth(*nth).cloned() {
                    self.storage.values.remove(&key);
                }
            }
            Call::Tend { refuses } => {
                self.now_ms += ROOM.settle_ms;
                self.storage.refuses = *refuses;
                self.queue.tend(&mut self.storage, &self.keys, self.now_ms);
                self.storage.refuses = false;
            }
        }
    }

    fn push(&mut self, bytes: usize, refuses: bool) {
        self.seq += 1;
        let text = format!("{{\"n\":{}{}}}", self.seq, " ".repeat(bytes));
        self.storage.refuses = refuses;
        let kept =
            self.queue.push(&mut self.storage, &self.keys, self.now_ms, self.seq, text.clone());
        self.storage.refuses = false;
        if kept == Kept::Stored {
            let key = self.keys.event(ME, self.seq);
            assert_eq!(self.storage.get(&key).as_ref(), Some(&text), "stored means stored");
        }
        if kept != Kept::Dropped {
            self.known.insert(self.seq, Known { text, request: 0, parked: false });
        }
    }

    fn pick(&mut self, events_max: usize, bytes_max: usize) {
        self.request += 1;
        let mut texts = String::new();
        let picked = self.queue.pick(self.request, events_max, bytes_max, false, &mut texts);
        assert!(picked <= events_max);
        assert!(picked <= 1 || texts.len() <= bytes_max, "{} > {bytes_max}", texts.len());
        let waits = self.known.values().any(|known| known.request == 0 && !known.parked);
        assert_eq!(picked > 0, waits, "at least one, if any waits");
        // The texts say themselves which they are.
        for text in texts.split("},").filter(|text| !text.is_empty()) {
            let text = format!("{}}}", text.trim_end_matches('}'));
            let known = self.known.values_mut().find(|known| known.text == text);
            let known = known.expect("what is sent was pushed and is unanswered");
            assert_eq!(
                (known.request, known.parked),
                (0, false),
                "sent while it is in flight or given up"
            );
            known.request = self.request;
        }
    }

    fn answer(&mut self, accepted: bool) {
        let Some(request) =
            self.known.values().map(|known| known.request).filter(|id| *id > 0).min()
        else {
            return;
        };
        let seqs: Ranges = self
            .known
            .iter()
            .filter(|(_, known)| known.request == request)
            .map(|(seq, _)| (*seq, *seq))
            .collect();
        if accepted {
            assert_eq!(self.queue.accepted(&mut self.storage, &self.keys, request), seqs);
            self.known.retain(|_, known| known.request != request);
        } else {
            self.queue.put_back(request);
            for known in self.known.values_mut().filter(|known| known.request == request) {
                known.request = 0;
            }
        }
    }

    /// A single event stands alone, is parked, and leaves when its declaration was answered.
    fn park(&mut self) {
        self.pick(1, usize::MAX);
        let request = self.request;
        let Some(seq) = self.queue.park(request) else { return };
        let known = self.known.get_mut(&seq).expect("a parked event is known");
        assert_eq!(known.request, request);
        *known = Known { parked: true, request: 0, ..known.clone() };
        if seq.is_multiple_of(2) {
            self.queue.declared(&mut self.storage, &self.keys, &[(seq, seq)].into_iter().collect());
            self.known.remove(&seq);
        }
    }

    fn check(&self) {
        assert_eq!(self.queue.len(), self.known.len());
        assert_eq!(self.queue.is_empty(), self.known.is_empty());
        for seq in 1..=self.seq {
            assert_eq!(self.queue.contains(seq), self.known.contains_key(&seq), "{seq}");
        }
        let waiting = || self.known.values().filter(|known| known.request == 0 && !known.parked);
        assert_eq!(self.queue.waiting(), waiting().count());
        assert_eq!(
            self.queue.waiting_bytes(),
            waiting().map(|known| known.text.len()).sum::<usize>()
        );
        assert!(self.queue.stored_bytes() <= ROOM.storage_bytes_max);
        for (key, text) in &self.storage.values {
            let seq =
                key.rsplit(':').next().and_then(|seq| seq.parse().ok()).expect("a key of ours");
            let known: Option<&Known> = self.known.get(&seq);
            assert_eq!(
                known.map(|known| &known.text),
                Some(text),
                "nothing answered stays in storage"
            );
        }
    }
}

proptest! {
    #[test]
    fn it_keeps_what_is_unanswered_and_nothing_else(calls in calls()) {
        let mut world = World::new();
        for call in &calls {
            world.call(call);
            world.check();
        }
        // What storage lost without a word is written again once it is read back.
        world.call(&Call::Tend { refuses: false });
        world.call(&Call::Tend { refuses: false });
        world.check();
    }
}
