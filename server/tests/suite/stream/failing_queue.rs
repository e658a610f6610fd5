//! A queue that fails when payloads are staged together, before or after it did so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lamplight_server::store::{
    Answer, Backlog, LeaseAsk, LeasedPayload, NewPayload, PayloadQueue, StoreError,
};

/// See the module.
pub(crate) struct FailingQueue {
    inner: Arc<dyn PayloadQueue>,
    before: AtomicU64,
    after: AtomicU64,
}

impl FailingQueue {
    pub(crate) fn new(inner: Arc<dyn PayloadQueue>) -> Self {
        Self { inner, before: AtomicU64::new(0), after: AtomicU64::new(0) }
    }

    /// The next calls stage nothing.
    pub(crate) fn fail_before_staging(&self, calls: u64) {
        self.before.store(calls, Ordering::SeqCst);
    }

    /// The next calls stage, and then say that they did not.
    pub(crate) fn fail_after_staging(&self, calls: u64) {
        self.after.store(calls, Ordering::SeqCst);
    }

    /// How many calls have yet to fail.
    pub(crate) fn left(&self) -> u64 {
        self.before.load(Ordering::SeqCst) + self.after.load(Ordering::SeqCst)
    }
}

fn takes_one(from: &AtomicU64) -> bool {
    let taken = from.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    taken.is_ok()
}

fn down() -> StoreError {
    StoreError::Down { retry_after_s: 1 }
}

impl PayloadQueue for FailingQueue {
    crate::passes_on_to_inner!();

    fn stage(&self, payload: NewPayload) -> Answer<'_, ()> {
        self.inner.stage(payload)
    }
    fn stage_all(&self, payloads: Vec<NewPayload>) -> Answer<'_, ()> {
        Box::pin(async move {
            if takes_one(&self.before) {
                return Err(down());
            }
            self.inner.stage_all(payloads).await?;
            if takes_one(&self.after) { Err(down()) } else { Ok(()) }
        })
    }
    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>> {
        self.inner.lease(ask)
    }
    fn backlog(&self) -> Answer<'_, Backlog> {
        self.inner.backlog()
    }
}
