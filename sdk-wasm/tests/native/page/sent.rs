//! A request that a page made.

use lamplight_wire::batch::Body;
use lamplight_wire::event::{Event, EventIdentity};
use lamplight_wire::{Producer, Ranges};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) id: u32,
    pub(crate) body: String,
    pub(crate) keepalive: bool,
    pub(crate) at_ms: u64,
}

impl Sent {
    /// The numbers of the events in the body, by producer.
    pub(crate) fn events(&self) -> Vec<(Producer, u64)> {
        let body = Body::read(&self.body).unwrap();
        let read = |text: &&str| match Event::read(text).unwrap().identity {
            EventIdentity::Numbered(producer, seq) => (producer, seq),
            other => panic!("{other:?} is not a number"),
        };
        body.events.iter().map(read).collect()
    }

    /// The numbers that the body declares as dropped, by producer and reason.
    pub(crate) fn dropped(&self) -> Vec<(Producer, String, Ranges)> {
        let body = Body::read(&self.body).unwrap();
        let each = body.producers.into_iter().flat_map(|(producer, note)| {
            note.dropped.into_iter().map(move |(reason, seqs)| (producer, reason, seqs))
        });
        each.collect()
    }

    /// Whether the body asks which numbers have arrived.
    pub(crate) fn asks_arrived(&self) -> bool {
        Body::read(&self.body).unwrap().asks_arrived
    }

    /// The bytes of the events' texts, joined by commas.
    pub(crate) fn event_bytes(&self) -> usize {
        let body = Body::read(&self.body).unwrap();
        let texts: usize = body.events.iter().map(|text| text.len()).sum();
        texts + body.events.len().saturating_sub(1)
    }
}
