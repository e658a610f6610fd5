//! The queue, compared with a simple model under any sequence of calls and storage faults.

use std::collections::BTreeMap;

use lamplight_sdk::keys::StorageKeys;
use lamplight_sdk::ports::{Storage, StorageError};
use lamplight_sdk::queue::block::{self, BlockName};
use lamplight_sdk::queue::{BlockQueue, PageQueue, PushOutcome, QueueLimits};
use lamplight_wire::{Producer, Ranges};
use proptest::prelude::*;

const ME: Producer = Producer::from_bits(7);
const LIMITS: QueueLimits =
    QueueLimits { storage_bytes_max: 2_000, memory_bytes_max: 150_000, settle_ms: 10 };

/// Storage that refuses or silently loses writes on demand.
#[derive(Default)]
struct FaultyStorage {
    values: BTreeMap<String, String>,
    refuses: bool,
}

impl Storage for FaultyStorage {
    fn get(&self, key: &str) -> Option<String> {
        self.values.get(key).cloned()
    }
    fn size(&self, key: &str) -> usize {
        self.values.get(key).map_or(0, String::len)
    }
    fn set(&mut self, key: &str, value: &str) -> Result<(), StorageError> {
        if self.refuses {
            return Err(StorageError::QuotaExceeded);
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
    TakeBatch {
        events_max: usize,
        bytes_max: usize,
    },
    Respond {
        accepted: bool,
    },
    Drop,
    LoseKey {
        nth: usize,
    },
    Maintain {
        refuses: bool,
    },
    /// Writes a block into the overflow; its transaction is committed or aborted.
    Spill {
        done: bool,
    },
    LoadBlock,
    Erase,
    /// Withdraws consent: nothing may stay anywhere.
    Withdraw,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        4 => (1usize..120, prop::bool::weighted(0.2))
            .prop_map(|(bytes, refuses)| Call::Push { bytes, refuses }),
        2 => (1usize..8, 1usize..500)
            .prop_map(|(events_max, bytes_max)| Call::TakeBatch { events_max, bytes_max }),
        2 => any::<bool>().prop_map(|accepted| Call::Respond { accepted }),
        1 => Just(Call::Drop),
        1 => (0usize..10).prop_map(|nth| Call::LoseKey { nth }),
        1 => any::<bool>().prop_map(|refuses| Call::Maintain { refuses }),
        1 => (15_000usize..40_000).prop_map(|bytes| Call::Push { bytes, refuses: false }),
        2 => prop::bool::weighted(0.8).prop_map(|done| Call::Spill { done }),
        1 => Just(Call::LoadBlock),
        1 => Just(Call::Erase),
        1 => Just(Call::Withdraw),
    ];
    prop::collection::vec(call, 1..80)
}

/// What the queue must know about an unanswered event.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    text: String,
    request: u32,
    is_dropped: bool,
    /// The block that it is in, and whether memory has its text too.
    block: Option<(BlockName, bool)>,
}

impl Expected {
    /// Whether it can be sent: memory has it, and it is neither in flight nor dropped.
    fn waits(&self) -> bool {
        let is_unloaded = self.block.is_some_and(|(_, has_text)| !has_text);
        self.request == 0 && !self.is_dropped && !is_unloaded
    }
}

struct QueueModel {
    storage: FaultyStorage,
    keys: StorageKeys,
    queue: BlockQueue,
    expected: BTreeMap<u64, Expected>,
    seq: u64,
    request: u32,
    now_ms: u64,
    has_lost: bool,
    /// The blocks in the overflow.
    blocks: Vec<(BlockName, String)>,
}

impl QueueModel {
    fn new() -> Self {
        Self {
            storage: FaultyStorage::default(),
            keys: StorageKeys::new("m"),
            queue: BlockQueue::new(ME, LIMITS),
            expected: BTreeMap::new(),
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
            Call::TakeBatch { events_max, bytes_max } => self.take_batch(*events_max, *bytes_max),
            Call::Respond { accepted } => self.respond(*accepted),
            Call::Drop => self.drop_only_event(),
            Call::LoseKey { nth } => {
                if let Some(key) = self.storage.values.keys().nth(*nth).cloned() {
                    self.storage.values.remove(&key);
                    self.has_lost = true;
                }
            }
            Call::Maintain { refuses } => {
                self.now_ms += LIMITS.settle_ms;
                self.storage.refuses = *refuses;
                self.queue.maintain(&mut self.storage, &self.keys, self.now_ms);
                self.storage.refuses = false;
            }
            Call::Spill { done } => self.spill(*done),
            Call::LoadBlock => self.load_block(),
            Call::Erase => self.erase(),
            Call::Withdraw => self.withdraw(),
        }
    }

    fn withdraw(&mut self) {
        let open = self.expected.iter().filter(|(_, expected)| !expected.is_dropped);
        let open: Ranges = open.map(|(seq, _)| (*seq, *seq)).collect();
        assert_eq!(self.queue.withdraw(&mut self.storage, &self.keys), open);
        assert!(self.storage.values.is_empty(), "{:?}", self.storage.values);
        assert_eq!((self.queue.stored_bytes(), self.queue.memory_bytes()), (0, 0));
        self.expected.clear();
        self.erase();
        assert!(self.blocks.is_empty(), "a block is left in the overflow");
    }

    fn spill(&mut self, done: bool) {
        let Some((name, text)) = self.queue.spill() else { return };
        let loaded_bytes: usize = self
            .expected
            .values()
            .filter(|expected| expected.block.is_some_and(|(_, has_text)| has_text))
            .map(|expected| expected.text.len())
            .sum();
        let events = block::lines(&text);
        for (seq, text) in &events {
            let expected =
                self.expected.get(seq).expect("a spilled event was pushed and is unanswered");
            assert_eq!((&expected.text, expected.request, expected.is_dropped), (text, 0, false));
            assert_eq!(expected.block, None, "it is in a block already");
        }
        let waiting = || {
            let waits = |expected: &Expected| {
                expected.request == 0 && !expected.is_dropped && expected.block.is_none()
            };
            self.expected.iter().filter(move |(_, expected)| waits(expected)).map(|(seq, _)| *seq)
        };
        let is_in_memory = |seq: &u64| self.storage.get(&self.keys.event(ME, *seq)).is_none();
        let first = waiting().find(is_in_memory).or_else(|| waiting().next());
        let order = "events that only memory has come first, then the oldest";
        // The queue assumes that silently lost keys exist until it reads them back.
        assert!(self.has_lost || events.first().map(|(seq, _)| *seq) == first, "{order}");
        self.queue.spill_finished(&mut self.storage, &self.keys, self.now_ms, done);
        if done {
            let has_text = loaded_bytes + text.len() <= block::BYTES_MAX;
            for (seq, _) in &events {
                let expected = self.expected.get_mut(seq).expect("the event is expected");
                expected.block = Some((name, has_text));
                let key = self.keys.event(ME, *seq);
                assert_eq!(self.storage.get(&key), None, "it is in two places");
            }
            self.blocks.push((name, text));
        }
    }

    fn load_block(&mut self) {
        let Some(name) = self.queue.next_to_load() else { return };
        let (_, text) =
            self.blocks.iter().find(|(known, _)| *known == name).expect("the block exists");
        self.queue.block_loaded(name, text);
        for expected in self.expected.values_mut() {
            if expected.block.is_some_and(|(block, _)| block == name) {
                expected.block = Some((name, true));
            }
        }
    }

    fn erase(&mut self) {
        while let Some(name) = self.queue.next_to_erase() {
            let is_left = self
                .expected
                .values()
                .any(|expected| expected.block.is_some_and(|(block, _)| block == name));
            assert!(!is_left, "erased before all its events were answered");
            self.blocks.retain(|(block, _)| *block != name);
            self.queue.block_erased(name);
        }
    }

    fn push(&mut self, bytes: usize, refuses: bool) {
        self.seq += 1;
        let text = format!("{{\"n\":{}{}}}", self.seq, " ".repeat(bytes));
        self.storage.refuses = refuses;
        let outcome =
            self.queue.push(&mut self.storage, &self.keys, self.now_ms, self.seq, text.clone());
        self.storage.refuses = false;
        if outcome == PushOutcome::Stored {
            let key = self.keys.event(ME, self.seq);
            assert_eq!(
                self.storage.get(&key).as_ref(),
                Some(&text),
                "a stored event is in storage"
            );
        }
        if outcome != PushOutcome::Dropped {
            self.expected
                .insert(self.seq, Expected { text, request: 0, is_dropped: false, block: None });
        }
    }

    fn take_batch(&mut self, events_max: usize, bytes_max: usize) {
        self.request += 1;
        let mut texts = String::new();
        let taken = self.queue.take_batch(self.request, events_max, bytes_max, false, &mut texts);
        assert!(taken <= events_max);
        assert!(taken <= 1 || texts.len() <= bytes_max, "{} > {bytes_max}", texts.len());
        let waits = self.expected.values().any(Expected::waits);
        assert_eq!(taken > 0, waits, "a batch has at least one event if any waits");
        // Each text contains its number.
        for text in texts.split("},").filter(|text| !text.is_empty()) {
            let text = format!("{}}}", text.trim_end_matches('}'));
            let expected = self.expected.values_mut().find(|expected| expected.text == text);
            let expected = expected.expect("a sent event was pushed and is unanswered");
            assert_eq!(
                (expected.request, expected.is_dropped),
                (0, false),
                "sent while in flight or after it was dropped"
            );
            expected.request = self.request;
        }
    }

    fn respond(&mut self, accepted: bool) {
        let Some(request) =
            self.expected.values().map(|expected| expected.request).filter(|id| *id > 0).min()
        else {
            return;
        };
        let seqs: Ranges = self
            .expected
            .iter()
            .filter(|(_, expected)| expected.request == request)
            .map(|(seq, _)| (*seq, *seq))
            .collect();
        if accepted {
            assert_eq!(self.queue.remove_accepted(&mut self.storage, &self.keys, request), seqs);
            self.expected.retain(|_, expected| expected.request != request);
        } else {
            self.queue.requeue(request);
            for expected in
                self.expected.values_mut().filter(|expected| expected.request == request)
            {
                expected.request = 0;
            }
        }
    }

    /// Sends a single event, drops it, and removes it once its declaration was answered.
    fn drop_only_event(&mut self) {
        self.take_batch(1, usize::MAX);
        let request = self.request;
        let Some(seq) = self.queue.drop_only_event(request) else { return };
        let expected = self.expected.get_mut(&seq).expect("a dropped event is expected");
        assert_eq!(expected.request, request);
        *expected = Expected { is_dropped: true, request: 0, ..expected.clone() };
        if seq.is_multiple_of(2) {
            self.queue.remove_declared(
                &mut self.storage,
                &self.keys,
                &[(seq, seq)].into_iter().collect(),
            );
            self.expected.remove(&seq);
        }
    }

    fn check(&self) {
        assert_eq!(self.queue.len(), self.expected.len());
        assert_eq!(self.queue.is_empty(), self.expected.is_empty());
        for seq in 1..=self.seq {
            assert_eq!(self.queue.contains(seq), self.expected.contains_key(&seq), "{seq}");
        }
        let waiting = || self.expected.values().filter(|expected| expected.waits());
        assert_eq!(self.queue.waiting(), waiting().count());
        assert_eq!(
            self.queue.waiting_bytes(),
            waiting().map(|expected| expected.text.len()).sum::<usize>()
        );
        assert!(self.queue.stored_bytes() <= LIMITS.storage_bytes_max);
        for (key, text) in &self.storage.values {
            let seq =
                key.rsplit(':').next().and_then(|seq| seq.parse().ok()).expect("a key of ours");
            let expected: Option<&Expected> = self.expected.get(&seq);
            assert_eq!(
                expected.map(|expected| &expected.text),
                Some(text),
                "no answered event stays in storage"
            );
        }
    }
}

proptest! {
    #[test]
    fn the_queue_keeps_exactly_the_unanswered_events(calls in calls()) {
        let mut model = QueueModel::new();
        for call in &calls {
            model.call(call);
            model.check();
        }
        // Silently lost keys are written again after they were read back.
        model.call(&Call::Maintain { refuses: false });
        model.call(&Call::Maintain { refuses: false });
        model.check();
        // Whatever happened, everything can be sent in the end, and nothing is left anywhere.
        for _ in 0..2 * calls.len() {
            model.load_block();
            model.call(&Call::Respond { accepted: true });
            model.take_batch(usize::MAX, usize::MAX);
            model.call(&Call::Respond { accepted: true });
        }
        model.expected.retain(|_, expected| !expected.is_dropped);
        prop_assert_eq!(model.expected.len(), 0);
        model.erase();
        prop_assert!(model.blocks.is_empty() || !model.queue.is_empty(), "a block is left");
    }
}
