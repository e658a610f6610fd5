//! What the client reports to the page's code.

use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, Ranges, json};

/// Something to report to the page's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The server accepted events of this page.
    Delivered {
        /// This page's producer.
        producer: Producer,
        /// The events' numbers.
        seqs: Ranges,
    },
    /// The server accepted events of an orphaned producer.
    Adopted {
        /// The orphaned producer.
        producer: Producer,
        /// The events' numbers.
        seqs: Ranges,
    },
    /// An event was dropped. The server is told as well.
    Dropped {
        /// The event's producer.
        producer: Producer,
        /// The event's number.
        seq: u64,
        /// The cause.
        reason: DropReason,
    },
    /// A request failed; its events stay queued.
    Failed {
        /// The HTTP status; 0 when there was no response.
        status: u16,
        /// How long nothing is sent, in milliseconds.
        wait_ms: u64,
    },
    /// A flush that the page's code requested has ended.
    Flushed {
        /// Events accepted since the flush was requested.
        sent: u64,
        /// Events that are still queued.
        queued: u64,
        /// The status of the last failure, if a failure ended the flush.
        status: Option<u16>,
    },
    /// Consent was withdrawn, here or in another tab.
    Withdrawn,
}

/// A note as it crosses into JavaScript, which knows the kinds by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedNote {
    /// 0 delivered, 1 adopted, 2 dropped, 3 failed, 4 flushed, 5 withdrawn.
    pub kind: u32,
    /// `seq`, `status` or `sent`.
    pub first: u64,
    /// The index of `reason` in [`DropReason::ALL`], `wait_ms` or `queued`.
    pub second: u64,
    /// The producer directly followed by `seqs` as JSON; or a flush's `status`.
    pub text: String,
}

impl Note {
    /// Encodes the note for JavaScript.
    pub fn encode(&self) -> EncodedNote {
        let (mut text, mut first, mut second) = (String::new(), 0, 0);
        let kind = match self {
            Self::Delivered { producer, seqs } | Self::Adopted { producer, seqs } => {
                producer.push_to(&mut text);
                seqs.push_json(&mut text);
                u32::from(matches!(self, Self::Adopted { .. }))
            }
            Self::Dropped { producer, seq, reason } => {
                producer.push_to(&mut text);
                (first, second) = (*seq, *reason as u64);
                2
            }
            Self::Failed { status, wait_ms } => {
                (first, second) = (u64::from(*status), *wait_ms);
                3
            }
            Self::Flushed { sent, queued, status } => {
                (first, second) = (*sent, *queued);
                if let Some(status) = status {
                    json::push_integer(&mut text, u64::from(*status));
                }
                4
            }
            Self::Withdrawn => 5,
        };
        EncodedNote { kind, first, second, text }
    }
}

/// Appends a JSON member whose value is a number.
pub(crate) fn push_number(out: &mut String, key: &str, value: u64) {
    out.push_str(key);
    json::push_integer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_encode_as_numbers_and_one_text() {
        let producer = Producer::from_bits(3);
        let seqs: Ranges = [(1, 4)].into_iter().collect();
        let encoded = |note: Note| {
            let EncodedNote { kind, first, second, text } = note.encode();
            (kind, first, second, text)
        };
        let text = format!("{producer}[[1,4]]");
        assert_eq!(
            encoded(Note::Delivered { producer, seqs: seqs.clone() }),
            (0, 0, 0, text.clone())
        );
        assert_eq!(encoded(Note::Adopted { producer, seqs }), (1, 0, 0, text));
        let dropped = Note::Dropped { producer, seq: 2, reason: DropReason::TooLarge };
        assert_eq!(encoded(dropped), (2, 2, 2, producer.to_string()));
        let failed = Note::Failed { status: 503, wait_ms: 1_000 };
        assert_eq!(encoded(failed), (3, 503, 1_000, String::new()));
        let flushed = Note::Flushed { sent: 1, queued: 2, status: Some(0) };
        assert_eq!(encoded(flushed), (4, 1, 2, "0".into()));
        let flushed = Note::Flushed { sent: 1, queued: 0, status: None };
        assert_eq!(encoded(flushed), (4, 1, 0, String::new()));
        assert_eq!(encoded(Note::Withdrawn), (5, 0, 0, String::new()));
    }
}
