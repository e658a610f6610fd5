//! What to send: the envelope around the stored texts, and what it declares about producers.

use lamplight_wire::batch::{ProducerNote, push_batch, push_question};
use lamplight_wire::limits::RANGES_MAX;
use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, Ranges};

/// Dropped numbers, by reason.
pub type DroppedNumbers = Vec<(DropReason, Ranges)>;

/// Adds numbers to those dropped for `reason`.
pub fn add_dropped(dropped: &mut DroppedNumbers, reason: DropReason, seqs: &Ranges) {
    match dropped.iter_mut().find(|(known, _)| *known == reason) {
        Some((_, ranges)) => ranges.union(seqs),
        None => dropped.push((reason, seqs.clone())),
    }
}

/// Adds a number that is above all those dropped for `reason` before.
pub fn append_dropped(dropped: &mut DroppedNumbers, reason: DropReason, seq: u64) {
    if let Some((_, ranges)) = dropped.iter_mut().find(|(known, _)| *known == reason) {
        ranges.append(seq);
    } else {
        let mut ranges = Ranges::new();
        ranges.append(seq);
        dropped.push((reason, ranges));
    }
}

/// Removes what was declared.
pub fn remove_declared(dropped: &mut DroppedNumbers, declared: &DroppedNumbers) {
    for (reason, seqs) in declared {
        for (known, ranges) in &mut *dropped {
            if known == reason {
                *ranges = ranges.minus(seqs);
            }
        }
    }
    dropped.retain(|(_, ranges)| !ranges.is_empty());
}

/// As much of `dropped` as one batch may declare.
pub fn declarable(dropped: &DroppedNumbers) -> DroppedNumbers {
    let first = |ranges: &Ranges| ranges.as_slice().iter().take(RANGES_MAX).copied().collect();
    dropped.iter().map(|(reason, ranges)| (*reason, first(ranges))).collect()
}

/// What a batch says about one producer.
pub fn producer_note(next: u64, dropped: &DroppedNumbers) -> ProducerNote {
    let code = |reason: DropReason| String::from(reason.code());
    let dropped = dropped.iter().map(|(reason, ranges)| (code(*reason), ranges.clone())).collect();
    ProducerNote { next, dropped }
}

/// A batch's text. `texts` are the events' texts, separated by commas, exactly as they were stored.
pub fn batch_body(sent_at_ms: u64, notes: &[(Producer, ProducerNote)], texts: &str) -> String {
    let mut body = String::with_capacity(texts.len() + 256);
    // Texts joined by commas form the inside of an array, just as a single text does.
    let events = (!texts.is_empty()).then_some(texts);
    push_batch(&mut body, sent_at_ms, notes, events.into_iter());
    body
}

/// The text of a batch without events that asks which numbers of these producers have arrived.
pub fn question_body(sent_at_ms: u64, notes: &[(Producer, ProducerNote)]) -> String {
    let mut body = batch_body(sent_at_ms, notes, "");
    push_question(&mut body);
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use lamplight_wire::batch::Body;

    #[test]
    fn a_batch_round_trips_with_its_events_and_dropped_numbers() {
        let producer = Producer::from_bits(5);
        let mut dropped = DroppedNumbers::new();
        add_dropped(&mut dropped, DropReason::Quota, &[(7, 9)].into_iter().collect());
        let text = batch_body(
            1,
            &[(producer, producer_note(10, &dropped))],
            r#"{"name":"a"},{"name":"b"}"#,
        );
        let read = Body::read(&text).unwrap();
        assert_eq!(read.events, [r#"{"name":"a"}"#, r#"{"name":"b"}"#]);
        assert_eq!(read.producers, [(producer, producer_note(10, &dropped))]);
    }

    #[test]
    fn a_batch_without_events_still_declares_dropped_numbers() {
        let text = batch_body(
            1,
            &[(Producer::from_bits(5), producer_note(10, &DroppedNumbers::new()))],
            "",
        );
        let read = Body::read(&text).unwrap();
        assert_eq!((read.events.len(), read.producers[0].1.next), (0, 10));
    }

    #[test]
    fn a_question_names_its_producers_and_has_no_events() {
        let note = producer_note(10, &DroppedNumbers::new());
        let text = question_body(1, &[(Producer::from_bits(5), note)]);
        let read = Body::read(&text).unwrap();
        assert!(read.asks_arrived);
        assert_eq!((read.events.len(), read.producers[0].1.next), (0, 10));
    }

    #[test]
    fn declared_numbers_are_not_declared_again() {
        let mut dropped = DroppedNumbers::new();
        add_dropped(&mut dropped, DropReason::Quota, &[(7, 9)].into_iter().collect());
        let declared = declarable(&dropped);
        add_dropped(&mut dropped, DropReason::Quota, &[(12, 12)].into_iter().collect());
        remove_declared(&mut dropped, &declared);
        assert_eq!(dropped, [(DropReason::Quota, [(12, 12)].into_iter().collect())]);
        remove_declared(
            &mut dropped,
            &[(DropReason::Quota, [(1, 20)].into_iter().collect())].to_vec(),
        );
        assert!(dropped.is_empty());
    }
}
