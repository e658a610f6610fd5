//! Requests in flight, and what they carry.

use lamplight_wire::{Producer, Ranges};

use crate::send::batch::DroppedNumbers;

/// A request in flight.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: u32,
    /// How many events it carries.
    pub(super) events: usize,
    /// The length of its body if it should outlive the page; otherwise 0.
    pub(super) keepalive_bytes: usize,
    /// When it counts as failed without a response.
    pub(super) deadline_ms: u64,
    pub(super) contents: RequestContents,
}

/// What a request carries.
#[derive(Debug)]
pub(super) enum RequestContents {
    /// This page's events, which the queue knows by request, and the dropped numbers that it
    /// declares.
    Own(DroppedNumbers),
    /// Events of orphaned producers.
    Adopted(Vec<AdoptedEvents>),
}

/// What one request carries of one orphaned producer.
#[derive(Debug)]
pub(super) struct AdoptedEvents {
    pub(super) producer: Producer,
    pub(super) seqs: Ranges,
    pub(super) declared: DroppedNumbers,
}

/// A set of single numbers.
pub(super) fn ranges(seqs: &[u64]) -> Ranges {
    seqs.iter().map(|seq| (*seq, *seq)).collect()
}
