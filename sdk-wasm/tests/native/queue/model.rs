//! The queue, held against a simple model under any sequence of calls and any whim of storage.

use std::collections::BTreeMap;

use lamplight_sdk::keys::Keys;
use lamplight_sdk::ports::{Refusal, Storage};
use lamplight_sdk::queue::block::{self, Name};
use lamplight_sdk::queue::{Kept, Queue, Room};
use lamplight_wire::{Producer, Ranges};
use proptest::prelude::*;

const ME: Producer = Producer::from_bits(7);
const ROOM: Room = Room { storage_bytes_max: 2_000, memory_bytes_max: 150_000, settle_ms: 10 };

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
    Push {
        bytes: usize,
        refuses: bool,
    },
    Pick {
        events_max: usize,
        bytes_max: usize,
    },
    Answer {
        accepted: bool,
    },
    Park,
    Lose {
        nth: usize,
    },
    Tend {
        refuses: bool,
    },
    /// A block goes out, and its transaction is committed or aborted.
    Spill {
        done: bool,
    },
    BringBack,
    Erase,
    /// Consent is withdrawn: nothing may stay anywhere.
    Withdraw,
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
        1 => (15_000usize..40_000).prop_map(|bytes| Call::Push { bytes, refuses: false }),
        2 => prop::bool::weighted(0.8).prop_map(|done| Call::Spill { done }),
        1 => Just(Call::BringBack),
        1 => Just(Call::Erase),
        1 => Just(Call::Withdraw),
    ];
    prop::collection::vec(call, 1..80)
}

/// What the queue must know: every unanswered event, and the request it is in.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    text: String,
    request: u32,
    parked: bool,
    /// The block it is in, and whether memory has its text as well.
    block: Option<(Name, bool)>,
}

impl Known {
    /// It can be sent: memory has it, and it is neither in flight nor given up.
    fn waits(&self) -> bool {
        let is_out = self.block.is_some_and(|(_, has_text)| !has_text);
        self.request == 0 && !self.parked && !is_out
    }
}

struct World {
    storage: Moody,
    keys: Keys,
    queue: Queue,
    known: BTreeMap<u64, Known>,
    seq: u64,
    request: u32,
    now_ms: u64,
    has_lost: bool,
    /// The overflow.
    blocks: Vec<(Name, String)>,
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
            has_lost: false,
            blocks: Vec::new(),
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
                    self.has_lost = true;
                }
            }
            Call::Tend { refuses } => {
                self.now_ms += ROOM.settle_ms;
                self.storage.refuses = *refuses;
                self.queue.tend(&mut self.storage, &self.keys, self.now_ms);
                self.storage.refuses = false;
            }
            Call::Spill { done } => self.spill(*done),
            Call::BringBack => self.bring_back(),
            Call::Erase => self.erase(),
            Call::Withdraw => self.withdraw(),
        }
    }

    fn withdraw(&mut self) {
        let open = self.known.iter().filter(|(_, known)| !known.parked);
        let open: Ranges = open.map(|(seq, _)| (*seq, *seq)).collect();
        assert_eq!(self.queue.withdraw(&mut self.storage, &self.keys), open);
        assert!(self.storage.values.is_empty(), "{:?}", self.storage.values);
        assert_eq!((self.queue.stored_bytes(), self.queue.memory_bytes()), (0, 0));
        self.known.clear();
        self.erase();
        assert!(self.blocks.is_empty(), "a block is left in the overflow");
    }

    fn spill(&mut self, done: bool) {
        let Some((name, text)) = self.queue.spill() else { return };
        let held: usize = self
            .known
            .values()
            .filter(|known| known.block.is_some_and(|(_, has_text)| has_text))
            .map(|known| known.text.len())
            .sum();
        let events = block::lines(&text);
        for (seq, text) in &events {
            let known = self.known.get(seq).expect("what goes out was pushed and is unanswered");
            assert_eq!((&known.text, known.request, known.parked), (text, 0, false));
            assert_eq!(known.block, None, "it is out already");
        }
        let waiting = || {
            let waits =
                |known: &Known| known.request == 0 && !known.parked && known.block.is_none();
            self.known.iter().filter(move |(_, known)| waits(known)).map(|(seq, _)| *seq)
        };
        let is_outside = |seq: &u64| self.storage.get(&self.keys.event(ME, *seq)).is_none();
        let first = waiting().find(is_outside).or_else(|| waiting().next());
        let said = "what only memory has goes first, then the oldest";
        // What storage lost without a word, the queue takes to be there until it is read back.
        assert!(self.has_lost || events.first().map(|(seq, _)| *seq) == first, "{said}");
        self.queue.spilled(&mut self.storage, &self.keys, self.now_ms, done);
        if done {
            let has_text = held + text.len() <= block::BYTES_MAX;
            for (seq, _) in &events {
                let known = self.known.get_mut(seq).expect("it is known");
                known.block = Some((name, has_text));
                let key = self.keys.event(ME, *seq);
                assert_eq!(self.storage.get(&key), None, "it is in two places");
            }
            self.blocks.push((name, text));
        }
    }

    fn bring_back(&mut self) {
        let Some(name) = self.queue.wants_back() else { return };
        let (_, text) = self.blocks.iter().find(|(known, _)| *known == name).expect("it is there");
        self.queue.brought_back(name, text);
        for known in self.known.values_mut() {
            if known.block.is_some_and(|(block, _)| block == name) {
                known.block = Some((name, true));
            }
        }
    }

    fn erase(&mut self) {
        while let Some(name) = self.queue.spent() {
            let is_left = self
                .known
                .values()
                .any(|known| known.block.is_some_and(|(block, _)| block == name));
            assert!(!is_left, "erased before all of it was answered");
            self.blocks.retain(|(block, _)| *block != name);
            self.queue.erased(name);
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
            self.known.insert(self.seq, Known { text, request: 0, parked: false, block: None });
        }
    }

    fn pick(&mut self, events_max: usize, bytes_max: usize) {
        self.request += 1;
        let mut texts = String::new();
        let picked = self.queue.pick(self.request, events_max, bytes_max, false, &mut texts);
        assert!(picked <= events_max);
        assert!(picked <= 1 || texts.len() <= bytes_max, "{} > {bytes_max}", texts.len());
        let waits = self.known.values().any(Known::waits);
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
        let waiting = || self.known.values().filter(|known| known.waits());
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
        // Whatever happened, everything can be sent in the end, and nothing is left anywhere.
        for _ in 0..2 * calls.len() {
            world.bring_back();
            world.call(&Call::Answer { accepted: true });
            world.pick(usize::MAX, usize::MAX);
            world.call(&Call::Answer { accepted: true });
        }
        world.known.retain(|_, known| !known.parked);
        prop_assert_eq!(world.known.len(), 0);
        world.erase();
        prop_assert!(world.blocks.is_empty() || !world.queue.is_empty(), "a block is left");
    }
}
