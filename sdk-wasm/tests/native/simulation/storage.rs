//! A model of real localStorage, as measured: one copy per tab, one total order, and late arrival.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use lamplight_wire::Producer;

use crate::simulation::overflow::events_of;
use crate::simulation::random::SeededRandom;
use crate::simulation::server::EventId;

/// The longest time that a write takes to reach the browser, and again to reach another tab.
pub(crate) const DELAY_MS_MAX: u64 = 5_000;

/// A tab's process, by its index.
pub(crate) type Tab = usize;

/// A write or a removal on its way to the browser.
#[derive(Debug, Clone)]
pub(crate) struct Mutation {
    pub(crate) by: Tab,
    pub(crate) key: String,
    pub(crate) value: Option<String>,
}

/// One tab's copy.
#[derive(Debug, Default)]
struct TabCopy {
    values: BTreeMap<String, String>,
    /// This tab's mutations that the browser has not ordered yet. Until then, other tabs' mutations
    /// of that key are skipped, because ours comes later.
    pending: HashMap<String, usize>,
    /// What is still to arrive, in order.
    inbox: VecDeque<(u64, Arrival)>,
    last_in_ms: u64,
    last_out_ms: u64,
}

#[derive(Debug)]
enum Arrival {
    Mutation(Mutation),
    /// The browser silently refused our write over the quota and restores the old value.
    Revert(String, Option<String>),
}

/// The origin's storage and every tab's copy of it.
#[derive(Debug)]
pub(crate) struct StorageModel {
    converged: BTreeMap<String, String>,
    copies: BTreeMap<Tab, TabCopy>,
    /// Mutations on their way to the browser, with their time, in order per tab.
    outgoing: Vec<(u64, Mutation)>,
    /// Keys whose write the browser silently reverted because it was over the quota.
    pub(crate) reverted: BTreeSet<String>,
    /// The bytes of recent writes and removals, and when they were made.
    recent: Vec<(u64, usize)>,
    unseen_max: usize,
    /// Bytes written in total, and how many of them were events with a key of their own.
    pub(crate) written: (u64, u64),
    /// How many blocks were written, and their events.
    pub(crate) compacted: u64,
    pub(crate) ever_in_block: BTreeSet<EventId>,
    pub(crate) quota: usize,
    /// Whether delays of seconds occur.
    pub(crate) slow: bool,
}

impl StorageModel {
    pub(crate) fn new(quota: usize, slow: bool) -> Self {
        Self {
            converged: BTreeMap::new(),
            copies: BTreeMap::new(),
            outgoing: Vec::new(),
            reverted: BTreeSet::new(),
            recent: Vec::new(),
            written: (0, 0),
            compacted: 0,
            ever_in_block: BTreeSet::new(),
            unseen_max: 0,
            quota,
            slow,
        }
    }

    pub(crate) fn open(&mut self, tab: Tab) {
        let copy = TabCopy { values: self.converged.clone(), ..TabCopy::default() };
        self.copies.insert(tab, copy);
    }

    /// Mutations that the tab's process had handed over still arrive.
    pub(crate) fn close(&mut self, tab: Tab) {
        self.copies.remove(&tab);
    }

    pub(crate) fn get(&self, tab: Tab, key: &str) -> Option<String> {
        self.copies[&tab].values.get(key).cloned()
    }

    /// The events of the block under `key`, if the tab's copy has such a block.
    pub(crate) fn events_in_block(&self, tab: Tab, key: &str) -> Vec<EventId> {
        let text = self.copies[&tab].values.get(key);
        match (key.strip_prefix("sim:b:"), text) {
            (Some(name), Some(text)) => events_of(name, text),
            _ => Vec::new(),
        }
    }

    pub(crate) fn block_holds(&self, tab: Tab, id: EventId) -> bool {
        let blocks = self.copies[&tab].values.range(String::from("sim:b:")..String::from("sim:c"));
        blocks.map(|(key, _)| key).any(|key| self.events_in_block(tab, key).contains(&id))
    }

    pub(crate) fn keys(&self, tab: Tab) -> Vec<String> {
        self.copies[&tab].values.keys().cloned().collect()
    }

    /// All keys and values, as the browser has ordered them.
    pub(crate) fn converged(&self) -> &BTreeMap<String, String> {
        &self.converged
    }

    /// How many bytes all keys and values take.
    pub(crate) fn bytes(&self) -> usize {
        self.converged.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// How many bytes a producer's events take in a tab's copy, keys included.
    pub(crate) fn bytes_of(&self, tab: Tab, producer: Producer) -> usize {
        let values = &self.copies[&tab].values;
        let bytes = |prefix: String| {
            let keys =
                values.range(prefix.clone()..).take_while(move |(key, _)| key.starts_with(&prefix));
            keys.map(|(key, value)| key.len() + value.len()).sum::<usize>()
        };
        bytes(format!("sim:q:{producer}:")) + bytes(format!("sim:b:{producer}:"))
    }

    /// How many bytes events take, keys included.
    pub(crate) fn events_bytes(&self) -> usize {
        let events = self
            .converged
            .iter()
            .filter(|(key, _)| key.starts_with("sim:q:") || key.starts_with("sim:b:"));
        events.map(|(key, value)| key.len() + value.len()).sum()
    }

    /// The most bytes that were ever written or removed so recently that some tab, or the browser,
    /// did not know about them.
    pub(crate) fn unseen_bytes(&mut self, now_ms: u64) -> usize {
        let delay_ms_max = if self.slow { DELAY_MS_MAX } else { 10 };
        self.recent.retain(|(at_ms, _)| at_ms + 2 * delay_ms_max >= now_ms);
        let bytes = self.recent.iter().map(|(_, bytes)| bytes).sum();
        self.unseen_max = self.unseen_max.max(bytes);
        self.unseen_max
    }

    /// Writes a value. Returns `false` if this is over the quota as far as this tab's copy shows.
    pub(crate) fn set(
        &mut self,
        tab: Tab,
        now_ms: u64,
        random: &mut SeededRandom,
        key: &str,
        value: &str,
    ) -> bool {
        let copy = &self.copies[&tab].values;
        let taken: usize = copy.iter().map(|(key, value)| key.len() + value.len()).sum();
        let before = copy.get(key).map_or(0, |value| key.len() + value.len());
        if taken - before + key.len() + value.len() > self.quota {
            return false;
        }
        self.recent.push((now_ms, key.len() + value.len()));
        let bytes = (key.len() + value.len()) as u64;
        self.written.0 += bytes;
        self.written.1 += if key.starts_with("sim:q:") { bytes } else { 0 };
        if let Some(name) = key.strip_prefix("sim:b:") {
            self.compacted += 1;
            self.ever_in_block.extend(events_of(name, value));
        }
        self.mutate(tab, now_ms, random, key, Some(value));
        true
    }

    /// Removes a key. If this tab's copy does not have the key, it stays for other tabs.
    pub(crate) fn remove(&mut self, tab: Tab, now_ms: u64, random: &mut SeededRandom, key: &str) {
        if let Some(value) = self.copies[&tab].values.get(key) {
            self.recent.push((now_ms, key.len() + value.len()));
            self.mutate(tab, now_ms, random, key, None);
        }
    }

    fn mutate(
        &mut self,
        tab: Tab,
        now_ms: u64,
        random: &mut SeededRandom,
        key: &str,
        value: Option<&str>,
    ) {
        let delay_ms = self.delay_ms(random);
        let Some(copy) = self.copies.get_mut(&tab) else { return };
        match value {
            Some(value) => copy.values.insert(key.into(), value.into()),
            None => copy.values.remove(key),
        };
        *copy.pending.entry(key.into()).or_default() += 1;
        copy.last_out_ms = copy.last_out_ms.max(now_ms + delay_ms);
        let mutation = Mutation { by: tab, key: key.into(), value: value.map(Into::into) };
        self.outgoing.push((copy.last_out_ms, mutation));
    }

    /// When the next mutation reaches the browser.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.outgoing.iter().map(|(at_ms, _)| *at_ms).min()
    }

    /// Orders the mutations that have reached the browser, and sends them on to every copy.
    pub(crate) fn settle(&mut self, now_ms: u64, random: &mut SeededRandom) {
        // A stable sort keeps mutations of the same time in order per tab.
        self.outgoing.sort_by_key(|(at_ms, _)| *at_ms);
        while self.outgoing.first().is_some_and(|(at_ms, _)| *at_ms <= now_ms) {
            let (_, mutation) = self.outgoing.remove(0);
            let taken: usize =
                self.converged.iter().map(|(key, value)| key.len() + value.len()).sum();
            let more = mutation.value.as_ref().map_or(0, |value| mutation.key.len() + value.len());
            let is_over = more > 0 && taken + more > self.quota;
            let old = self.converged.get(&mutation.key).cloned();
            if !is_over {
                match &mutation.value {
                    Some(value) => self.converged.insert(mutation.key.clone(), value.clone()),
                    None => self.converged.remove(&mutation.key),
                };
            }
            if is_over {
                self.reverted.insert(mutation.key.clone());
            }
            let tabs: Vec<Tab> = self.copies.keys().copied().collect();
            for tab in tabs {
                let delay_ms = self.delay_ms(random);
                let Some(copy) = self.copies.get_mut(&tab) else { continue };
                let arrival = match (is_over, tab == mutation.by) {
                    (false, _) => Arrival::Mutation(mutation.clone()),
                    (true, true) => Arrival::Revert(mutation.key.clone(), old.clone()),
                    (true, false) => continue,
                };
                copy.last_in_ms = copy.last_in_ms.max(now_ms + delay_ms);
                copy.inbox.push_back((copy.last_in_ms, arrival));
            }
        }
    }

    /// What has arrived becomes visible at the start of a task. During the task, the view does not
    /// change.
    pub(crate) fn begin_task(&mut self, tab: Tab, now_ms: u64) {
        let Some(copy) = self.copies.get_mut(&tab) else { return };
        while copy.inbox.front().is_some_and(|(at_ms, _)| *at_ms <= now_ms) {
            let Some((_, arrival)) = copy.inbox.pop_front() else { return };
            let (key, value, is_own) = match arrival {
                Arrival::Mutation(mutation) => (mutation.key, mutation.value, mutation.by == tab),
                Arrival::Revert(key, old) => (key, old, true),
            };
            if is_own {
                let pending = copy.pending.entry(key.clone()).or_default();
                *pending = pending.saturating_sub(1);
            }
            if copy.pending.get(&key).is_none_or(|pending| *pending == 0) {
                match value {
                    Some(value) => copy.values.insert(key, value),
                    None => copy.values.remove(&key),
                };
            }
        }
    }

    fn delay_ms(&self, random: &mut SeededRandom) -> u64 {
        match random.between(0, 100) {
            0..2 if self.slow => random.between(500, DELAY_MS_MAX),
            2..10 if self.slow => random.between(10, 300),
            _ => random.between(1, 10),
        }
    }
}
