//! Other producers' events in storage: which there are, and whose page is gone.

use lamplight_wire::{Producer, Ranges};

use crate::keys::{Key, Keys};
use crate::ports::Storage;
use crate::queue::block;
use crate::tabs::heartbeat::Mark;
use crate::text;

/// Events of one producer that may be sent in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphans {
    /// Whose they are.
    pub producer: Producer,
    /// Their numbers, of those with a key each; none when only the mark or blocks are left.
    pub seqs: Ranges,
    /// Their blocks.
    pub blocks: Vec<Found>,
    /// One more than the largest number known to be made.
    pub next: u64,
}

/// A block of another producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: block::Name,
    /// It is in storage, not in the overflow.
    pub in_storage: bool,
    /// When it was first and last seen there, with no look between that did not see it.
    first_ms: u64,
    last_ms: u64,
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
    /// Until when it is left to others.
    shunned_until_ms: u64,
    /// The bytes of each event, key included, ascending by number. Keys are written once, so one look is enough.
    sizes: Vec<(u64, usize)>,
    blocks: Vec<Found>,
    /// The mark speaks of blocks in the overflow that nobody has looked for yet.
    wants_list: bool,
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
        let blocks = self.blocks().map(|found| found.name.events).sum::<u64>();
        self.foreign.iter().map(|foreign| foreign.sizes.len() as u64).sum::<u64>() + blocks
    }

    /// How many bytes they take in storage, keys included.
    pub fn bytes(&self) -> usize {
        let events = self.foreign.iter().flat_map(|foreign| &foreign.sizes).map(|(_, bytes)| bytes);
        events.sum::<usize>() + self.block_bytes(true)
    }

    /// How many bytes their blocks in the overflow have.
    pub fn overflow_bytes(&self) -> u64 {
        self.block_bytes(false) as u64
    }

    fn block_bytes(&self, in_storage: bool) -> usize {
        let blocks = self.blocks().filter(|found| found.in_storage == in_storage);
        blocks.map(|found| found.name.bytes).sum()
    }

    fn blocks(&self) -> impl Iterator<Item = &Found> {
        self.foreign.iter().flat_map(|foreign| &foreign.blocks)
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
                Some(Key::Block(name)) if name.producer != me => {
                    self.of(name.producer, now_ms).found(name, true, now_ms);
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
                foreign.wants_list = foreign.mark().overflows;
                foreign.mark_changed_ms = now_ms;
            }
            let is_old = |scan: &&Scan| scan.at_ms + adopt_after_ms <= now_ms;
            let old = foreign.scans.iter().filter(is_old).count();
            foreign.scans.drain(..old.saturating_sub(1));
            let Foreign { scans, sizes, .. } = foreign;
            let seqs = scans.last().map(|scan| &scan.seqs);
            sizes.retain(|(seq, _)| seqs.is_some_and(|seqs| seqs.contains(*seq)));
            foreign.keep_found(true, now_ms);
            is_marked || !foreign.sizes.is_empty() || !foreign.blocks.is_empty()
        });
    }

    /// Takes the list of all blocks in the overflow.
    pub fn listed(&mut self, names: &str, me: Producer, now_ms: u64) {
        text::each_line(names, |name| {
            if let Some(name) = block::Name::parse(name).filter(|name| name.producer != me) {
                self.of(name.producer, now_ms).found(name, false, now_ms);
            }
        });
        for foreign in &mut self.foreign {
            foreign.keep_found(false, now_ms);
            foreign.wants_list = false;
        }
    }

    /// Whether a mark speaks of blocks in the overflow that nobody has looked for.
    pub fn wants_list(&self) -> bool {
        self.foreign.iter().any(|foreign| foreign.wants_list)
    }

    /// When the overflow is to be looked at again for what the last look found there, if it found anything.
    pub fn next_list_ms(&self, quiet_ms: u64) -> Option<u64> {
        let overflow = self.blocks().filter(|found| !found.in_storage);
        let next = overflow.map(|found| {
            let wait_ms = if found.is_settled(self.patience) {
                quiet_ms
            } else {
                self.patience.adopt_after_ms
            };
            found.last_ms + wait_ms
        });
        next.min()
    }

    /// Whether somebody's events are old enough to adopt and only the list of live producers can tell the rest.
    pub fn wants_look(&self, now_ms: u64) -> bool {
        self.foreign.iter().any(|foreign| {
            (foreign.settled(self.patience).is_some()
                || foreign.blocks.iter().any(|found| found.is_settled(self.patience)))
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
            let is_gone = is_gone && now_ms >= foreign.shunned_until_ms;
            let blocks = foreign.blocks.iter().filter(|found| found.is_settled(self.patience));
            let blocks: Vec<Found> = blocks.copied().collect();
            let seqs = foreign.settled(self.patience);
            let is_bare = seqs.is_some() && foreign.blocks.is_empty() && !foreign.wants_list;
            let seqs = seqs.unwrap_or_default();
            if !is_gone || (seqs.is_empty() && blocks.is_empty() && !is_bare) {
                continue;
            }
            let last = foreign.seqs().and_then(Ranges::last).unwrap_or(0);
            let next = mark.next.max(last + 1);
            orphans.push(Orphans { producer: foreign.producer, seqs, blocks, next });
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
        scan.seqs.is_empty() && foreign.blocks.is_empty() && !foreign.wants_list
    }

    /// Forgets a block that was answered, or that turned out to be gone.
    pub fn forget_block(&mut self, name: block::Name) {
        for foreign in &mut self.foreign {
            foreign.blocks.retain(|found| found.name != name);
        }
    }

    /// Leaves a producer to others until then.
    pub fn shun(&mut self, producer: Producer, until_ms: u64) {
        if let Some(foreign) = self.foreign.iter_mut().find(|foreign| foreign.producer == producer)
        {
            foreign.shunned_until_ms = until_ms;
        }
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
                shunned_until_ms: 0,
                sizes: Vec::new(),
                blocks: Vec::new(),
                wants_list: false,
            });
            self.foreign.len() - 1
        });
        &mut self.foreign[at]
    }
}

impl Found {
    /// Two looks far enough apart saw it, and none between did not.
    const fn is_settled(&self, patience: Patience) -> bool {
        self.first_ms + patience.adopt_after_ms <= self.last_ms
    }
}

impl Foreign {
    fn found(&mut self, name: block::Name, in_storage: bool, now_ms: u64) {
        let is_it = |found: &&mut Found| found.name == name && found.in_storage == in_storage;
        match self.blocks.iter_mut().find(is_it) {
            Some(found) => found.last_ms = now_ms,
            None => self.blocks.push(Found { name, in_storage, first_ms: now_ms, last_ms: now_ms }),
        }
    }

    /// Forgets blocks that this look did not see.
    fn keep_found(&mut self, in_storage: bool, now_ms: u64) {
        self.blocks.retain(|found| found.in_storage != in_storage || found.last_ms == now_ms);
    }

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
mod tests;
