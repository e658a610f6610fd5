//! What a request carries.

use lamplight_wire::{Producer, Ranges};

use crate::send::batch::DroppedNumbers;

/// What a request carries.
#[derive(Debug)]
pub enum RequestContents {
    /// This page's events, which the queue knows by request, and the dropped numbers that it
    /// declares.
    Own(DroppedNumbers),
    /// Events of orphaned producers.
    Adopted(Vec<AdoptedEvents>),
    /// The question which numbers of orphaned producers have arrived.
    Question,
}

/// What one request carries of one orphaned producer.
#[derive(Debug)]
pub struct AdoptedEvents {
    pub(super) producer: Producer,
    pub(super) seqs: Ranges,
    pub(super) declared: DroppedNumbers,
}

/// A set of single numbers.
pub(super) fn ranges(seqs: &[u64]) -> Ranges {
    seqs.iter().map(|seq| (*seq, *seq)).collect()
}
