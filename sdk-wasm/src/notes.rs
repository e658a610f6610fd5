//! What the client tells the page's code.

use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, Ranges, json};

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A 2xx was read for these events of this page.
    Delivered {
        /// This page.
        producer: Producer,
        /// Their numbers.
        seqs: Ranges,
    },
    /// A 2xx was read for events of a page that is gone.
    Adopted {
        /// Whose they were.
        producer: Producer,
        /// Their numbers.
        seqs: Ranges,
    },
    /// An event was given up. The server is told as well.
    Dropped {
        /// Whose it was.
        producer: Producer,
        /// Its number.
        seq: u64,
        /// Why.
        reason: DropReason,
    },
    /// A request failed; its events stay.
    Failed {
        /// The HTTP status, 0 when there was no answer.
        status: u16,
        /// How long nothing is sent now, in milliseconds.
        wait_ms: u64,
    },
    /// A flush that the page asked for is over.
    Flushed {
        /// Events answered with a 2xx since it was asked for.
        sent: u64,
        /// Events that are still queued.
        queued: u64,
        /// The last failure's status, if a failure ended the flush.
        status: Option<u16>,
    },
    /// Consent was withdrawn, here or in another tab.
    Withdrawn,
}

impl Note {
    /// The name under which the page's code listens.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Delivered { .. } => "delivered",
            Self::Adopted { .. } => "adopted",
            Self::Dropped { .. } => "dropped",
            Self::Failed { .. } => "error",
            Self::Flushed { .. } => "flushed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The note as JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        match self {
            Self::Delivered { producer, seqs } | Self::Adopted { producer, seqs } => {
                push_producer(&mut out, *producer);
                out.push_str(",\"seqs\":");
                seqs.push_json(&mut out);
            }
            Self::Dropped { producer, seq, reason } => {
                push_producer(&mut out, *producer);
                push_number(&mut out, ",\"seq\":", *seq);
                out.push_str(",\"reason\":");
                json::push_string(&mut out, reason.code());
            }
            Self::Failed { status, wait_ms } => {
                push_number(&mut out, "\"status\":", u64::from(*status));
                push_number(&mut out, ",\"waitMs\":", *wait_ms);
            }
            Self::Flushed { sent, queued, status } => {
                push_number(&mut out, "\"sent\":", *sent);
                push_number(&mut out, ",\"queued\":", *queued);
                if let Some(status) = status {
                    push_number(&mut out, ",\"status\":", u64::from(*status));
                }
            }
            Self::Withdrawn => {}
        }
        out.push('}');
        out
    }
}

fn push_producer(out: &mut String, producer: Producer) {
    out.push_str("\"producer\":\"");
    producer.push_to(out);
    out.push('"');
}

/// Appends a member whose value is a number.
pub(crate) fn push_number(out: &mut String, key: &str, value: u64) {
    out.push_str(key);
    json::push_integer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_json() {
        let producer = Producer::from_bits(3);
        let seqs: Ranges = [(1, 4)].into_iter().collect();
        for note in [
            Note::Delivered { producer, seqs: seqs.clone() },
            Note::Adopted { producer, seqs },
            Note::Dropped { producer, seq: 2, reason: DropReason::Quota },
            Note::Failed { status: 503, wait_ms: 1_000 },
            Note::Flushed { sent: 1, queued: 2, status: Some(0) },
        ] {
            let value: serde_json::Value = serde_json::from_str(&note.to_json()).unwrap();
            assert!(value.is_object(), "{}", note.name());
        }
    }
}
