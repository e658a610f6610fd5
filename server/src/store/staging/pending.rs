//! A payload that waits to be written.

use tokio::sync::oneshot;

use crate::store::queued_bytes::HeldBytes;
use crate::store::{NewPayload, StoreError};

/// A payload that waits to be written, and who waits for that.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) payload: NewPayload,
    held: HeldBytes,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Pending {
    pub(crate) fn new(
        payload: NewPayload,
        held: HeldBytes,
        answer: oneshot::Sender<Result<(), StoreError>>,
    ) -> Self {
        Self { payload, held, answer }
    }

    /// The memory that it holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.held.count()
    }

    /// Says how it ended.
    pub(crate) fn answer(self, outcome: Result<(), StoreError>) {
        drop(self.held);
        // The caller may have gone. The work is done all the same.
        drop(self.answer.send(outcome));
    }
}
