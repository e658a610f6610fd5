//! Sending the events of orphaned producers, and handling the response.

use lamplight_wire::limits::PRODUCERS_MAX;
use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, Ranges};

use super::FullClient;
use super::contents::{AdoptedEvents, RequestContents, ranges};
use crate::notes::Note;
use crate::ports::Ports;
use crate::send::batch::{self, DroppedNumbers};
use crate::send::flush::FlushReason;
use crate::tabs::orphans::OrphanedProducer;

/// How long a producer is skipped when its keys are listed but cannot be read, in milliseconds.
/// Either they were just removed, or this tab's copy of storage is inconsistent, as Firefox's can
/// be after a process was killed.
const SKIP_MS: u64 = 60_000;

/// Events of an orphaned producer that the server rejected permanently. Their keys are removed once
/// that is declared.
#[derive(Debug)]
pub(super) struct DroppedOrphans {
    producer: Producer,
    dropped: DroppedNumbers,
}

impl<P: Ports> FullClient<P> {
    /// When there is something to send for orphaned producers.
    pub(super) fn adoption_due_ms(&self, now_ms: u64) -> Option<u64> {
        let has_some = || self.orphans.iter().any(|orphans| self.is_sendable(orphans));
        if !self.lease.is_mine() || !self.core.requests.is_empty() || !has_some() {
            return None;
        }
        Some(self.core.backoff.until_ms().unwrap_or(now_ms).max(now_ms))
    }

    /// Sends a batch for orphaned producers if this tab has the lease and no request is in flight.
    pub(super) fn send_adopted(&mut self, now_ms: u64) {
        if self.adoption_due_ms(now_ms) != Some(now_ms) {
            return;
        }
        self.apply_consent_withdrawal();
        if self.core.is_withdrawn {
            return;
        }
        if self.ask_arrived() {
            return;
        }
        self.load_block_from_storage();
        let mut texts = String::new();
        let mut adopted = Vec::new();
        let mut notes = Vec::new();
        let (mut events, mut is_unreadable) = (0, false);
        for orphans in self.orphans.clone() {
            if !self.is_sendable(&orphans) {
                continue;
            }
            let is_full = events > 0 && texts.len() >= self.core.options.batch_bytes_max;
            if is_full || events >= self.core.events_max || notes.len() >= PRODUCERS_MAX {
                break;
            }
            let declared = self.dropped_of(orphans.producer);
            let (seqs, is_full) = self.read_orphaned(&orphans, &declared, &mut events, &mut texts);
            if seqs.is_empty() && declared.is_empty() && !orphans.seqs.is_empty() {
                if is_full {
                    break;
                }
                self.foreign.skip_until(orphans.producer, now_ms + SKIP_MS);
                is_unreadable = true;
                continue;
            }
            let next = orphans.next.max(seqs.last().unwrap_or(0) + 1);
            notes.push((orphans.producer, batch::producer_note(next, &declared)));
            adopted.push(AdoptedEvents { producer: orphans.producer, seqs, declared });
        }
        if is_unreadable {
            self.orphans = self.foreign.orphaned(now_ms);
        }
        if !adopted.is_empty() {
            let contents = RequestContents::Adopted(adopted);
            self.core.send_request(FlushReason::Adopted, events, &texts, &notes, contents);
        }
    }

    /// Appends the texts of as many of `orphans` as still fit. Returns their numbers, and whether
    /// one did not fit.
    fn read_orphaned(
        &mut self,
        orphans: &OrphanedProducer,
        declared: &DroppedNumbers,
        events: &mut usize,
        texts: &mut String,
    ) -> (Ranges, bool) {
        let (mut read, mut missing) = (Vec::new(), Vec::new());
        let is_dropped = |seq: &u64| declared.iter().any(|(_, seqs)| seqs.contains(*seq));
        let mut add = |seq: u64, text: &str| {
            let is_full = texts.len() + 1 + text.len() > self.core.options.batch_bytes_max;
            if *events >= self.core.events_max || (*events > 0 && is_full) {
                return false;
            }
            if *events > 0 {
                texts.push(',');
            }
            texts.push_str(text);
            *events += 1;
            read.push(seq);
            true
        };
        let loaded =
            self.overflow.loaded.iter().filter(|block| block.producer() == orphans.producer);
        let lines = loaded.flat_map(|block| &block.lines).filter(|(seq, _)| !is_dropped(seq));
        let (mut has_room, mut loaded_seqs) = (true, Ranges::new());
        for (seq, text) in lines {
            loaded_seqs.insert(*seq);
            has_room = has_room && add(*seq, text);
        }
        let all = orphans.seqs.as_slice().iter().flat_map(|(from, to)| *from..=*to);
        for seq in all.filter(|seq| !is_dropped(seq) && !loaded_seqs.contains(*seq)) {
            if !has_room {
                break;
            }
            match self.core.ports.get(&self.core.keys.event(orphans.producer, seq)) {
                Some(text) => has_room = add(seq, &text),
                None => missing.push(seq),
            }
        }
        self.foreign.forget_events(orphans.producer, &ranges(&missing));
        (ranges(&read), !has_room)
    }

    /// Removes accepted events, and a producer's heartbeat with its last event.
    pub(super) fn accepted_adopted(&mut self, adopted: Vec<AdoptedEvents>) {
        for AdoptedEvents { producer, seqs, declared } in adopted {
            let mut finished = seqs.clone();
            for (_, seqs) in &declared {
                finished.union(seqs);
            }
            for (from, to) in finished.as_slice() {
                for seq in *from..=*to {
                    self.core.ports.remove(&self.core.keys.event(producer, seq));
                }
            }
            if let Some(block) =
                self.overflow.loaded.as_mut().filter(|block| block.producer() == producer)
            {
                block.lines.retain(|(seq, _)| !finished.contains(*seq));
            }
            self.finish_loaded_block();
            if self.foreign.forget_events(producer, &finished) {
                self.core.ports.remove(&self.core.keys.heartbeat(producer));
                self.foreign.forget_producer(producer);
                self.dropped_orphans.retain(|orphans| orphans.producer != producer);
            }
            self.declaration_accepted(producer, &declared);
            self.core.counts.adopted += seqs.count();
            if !seqs.is_empty() {
                self.core.notes.push(Note::Adopted { producer, seqs });
            }
        }
        self.orphans = self.foreign.orphaned(self.core.ports.monotonic_ms());
    }

    /// Drops the only event of a request.
    pub(super) fn drop_adopted(&mut self, adopted: Vec<AdoptedEvents>, reason: DropReason) {
        for AdoptedEvents { producer, seqs, .. } in adopted {
            let Some(seq) = seqs.last() else { continue };
            self.core.counts.dropped[reason as usize] += 1;
            self.core.notes.push(Note::Dropped { producer, seq, reason });
            let known =
                self.dropped_orphans.iter().position(|orphans| orphans.producer == producer);
            let at = known.unwrap_or_else(|| {
                self.dropped_orphans
                    .push(DroppedOrphans { producer, dropped: DroppedNumbers::new() });
                self.dropped_orphans.len() - 1
            });
            batch::add_dropped(&mut self.dropped_orphans[at].dropped, reason, &seqs);
        }
    }

    fn dropped_of(&self, producer: Producer) -> DroppedNumbers {
        let known = self.dropped_orphans.iter().find(|orphans| orphans.producer == producer);
        known.map(|orphans| orphans.dropped.clone()).unwrap_or_default()
    }
}
