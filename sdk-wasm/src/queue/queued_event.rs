//! An event of the queue, and where it is.

/// Where an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Location {
    Storage,
    /// In memory, and offered to storage once more.
    StorageRetry,
    Memory,
    /// In a block in storage.
    StorageBlock,
    /// In a block in the overflow.
    OverflowBlock,
}

/// An unanswered event.
#[derive(Debug)]
pub(super) struct QueuedEvent {
    pub(super) seq: u64,
    pub(super) text: String,
    pub(super) location: Location,
    /// The request that carries it; 0 for none.
    pub(super) request: u32,
    /// When to read its key back; 0 when that is done or not needed.
    pub(super) read_back_ms: u64,
    /// The server rejected it permanently. It leaves the queue once that is declared.
    pub(super) is_dropped: bool,
}

impl QueuedEvent {
    pub(super) const fn new(seq: u64, text: String, location: Location) -> Self {
        Self { seq, text, location, request: 0, read_back_ms: 0, is_dropped: false }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.request == 0 && !self.is_dropped
    }
}
