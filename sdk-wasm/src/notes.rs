//! What the client reports to the page's code.

use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, Ranges};

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
