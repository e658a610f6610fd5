//! How much waits for a writer, and when to try again once that is too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{StoreError, WriterLimits};

/// The bytes that wait for a writer.
#[derive(Debug)]
pub(crate) struct QueuedBytes {
    bytes: AtomicU64,
    limits: WriterLimits,
    retry_after_s: AtomicU32,
}

impl QueuedBytes {
    /// Nothing, with a limit.
    pub(crate) fn new(limits: WriterLimits) -> Self {
        Self { bytes: AtomicU64::new(0), limits, retry_after_s: AtomicU32::new(1) }
    }

    /// How many there are.
    pub(crate) fn now(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many there may be.
    pub(crate) fn max(&self) -> u64 {
        self.limits.queued_bytes_max
    }

    /// Says when those that are refused may try again.
    pub(crate) fn set_retry_after_s(&self, seconds: u32) {
        self.retry_after_s.store(seconds, Ordering::Relaxed);
    }

    /// What is answered while nothing can be written.
    pub(crate) fn down(&self) -> StoreError {
        StoreError::Down { retry_after_s: self.retry_after_s.load(Ordering::Relaxed) }
    }

    /// Counts `bytes` more, until what is given is dropped.
    ///
    /// # Errors
    /// [`StoreError::Full`].
    pub(crate) fn hold(self: &Arc<Self>, bytes: u64) -> Result<HeldBytes, StoreError> {
        let before = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        let held = HeldBytes { queued: Arc::clone(self), bytes };
        if bytes > 0 && before + bytes > self.max() {
            let retry_after_s = self.retry_after_s.load(Ordering::Relaxed);
            return Err(StoreError::Full { queued_bytes: before, retry_after_s });
        }
        Ok(held)
    }
}

/// Bytes that count against the limit until this is dropped.
#[derive(Debug)]
pub(crate) struct HeldBytes {
    queued: Arc<QueuedBytes>,
    bytes: u64,
}

impl HeldBytes {
    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.bytes
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.queued.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}
