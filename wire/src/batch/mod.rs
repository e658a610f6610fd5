//! A batch: events posted together.

use crate::{Producer, Ranges, VERSION, json};

#[cfg(feature = "serde")]
mod producer_notes;
#[cfg(feature = "serde")]
mod read;
#[cfg(feature = "serde")]
pub use read::{Body, BodyError};

/// How a gzip stream begins (RFC 1952, section 2.3.1). A body without `Content-Encoding` that
/// begins with these bytes is taken as gzip. JSON never begins like that, and a page that set the
/// header would need a CORS preflight (Fetch standard, "CORS-safelisted request-header").
pub const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What a client declares about one producer: how far it has numbered, and which numbers it
/// dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerNote {
    /// The number that its next event will get; every number below it was assigned. 0 when unknown.
    pub next: u64,
    /// The numbers that it dropped, by reason code.
    pub dropped: Vec<(String, Ranges)>,
}

/// Appends the text of a batch. `events` are JSON texts and are copied unchanged.
pub fn push_batch<'a>(
    out: &mut String,
    sent_at_ms: u64,
    producers: &[(Producer, ProducerNote)],
    events: impl Iterator<Item = &'a str>,
) {
    out.push_str("{\"v\":");
    json::push_integer(out, u64::from(VERSION));
    out.push_str(",\"sent_at\":");
    json::push_integer(out, sent_at_ms);
    out.push_str(",\"producers\":{");
    for (index, (producer, note)) in producers.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push('"');
        producer.push_to(out);
        out.push_str("\":");
        push_note(out, note);
    }
    out.push_str("},\"events\":[");
    for (index, event) in events.enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(event);
    }
    out.push_str("]}");
}

/// Makes a batch ask which numbers of its producers have arrived.
pub fn push_question(batch: &mut String) {
    batch.pop();
    batch.push_str(",\"ask_arrived\":true}");
}

fn push_note(out: &mut String, note: &ProducerNote) {
    out.push_str("{\"next\":");
    json::push_integer(out, note.next);
    if !note.dropped.is_empty() {
        out.push_str(",\"dropped\":{");
        for (index, (reason, ranges)) in note.dropped.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            json::push_quoted(out, reason);
            out.push(':');
            ranges.push_json(out);
        }
        out.push('}');
    }
    out.push('}');
}
