//! The requests of one connection, for those that look at its bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::head_scan::HeadForm;

/// Counts the requests of a connection, for the stream that their heads arrive on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Requests whose head has arrived.
    begun: AtomicU64,
    /// Of these, those that were answered and whose body was read or given up.
    ended: AtomicU64,
    /// What is known of the head that arrives or has just arrived.
    head_form: Mutex<HeadForm>,
    /// The client speaks HTTP/2.
    is_http2: Notify,
}

impl Requests {
    /// The head of a request has arrived. The request is open until all clones are dropped.
    pub(crate) fn begin(&self) -> (OpenRequest, HeadForm) {
        self.0.begun.fetch_add(1, Ordering::AcqRel);
        let form = std::mem::take(&mut *self.head_form());
        (OpenRequest(Arc::new(RequestEnd(Arc::clone(&self.0)))), form)
    }

    pub(super) fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::Acquire)
    }

    pub(super) fn are_ended(&self) -> bool {
        self.0.ended.load(Ordering::Acquire) == self.begun()
    }

    pub(super) fn set_head_form(&self, form: HeadForm) {
        *self.head_form() = form;
    }

    /// The client speaks HTTP/2.
    pub(super) fn begin_http2(&self) {
        self.0.is_http2.notify_one();
    }

    /// Waits until it is known that the client speaks HTTP/2.
    pub(super) async fn http2(&self) {
        self.0.is_http2.notified().await;
    }

    fn head_form(&self) -> MutexGuard<'_, HeadForm> {
        self.0.head_form.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose answer is being written, or whose body is being read.
#[derive(Debug, Clone)]
pub(crate) struct OpenRequest(#[allow(dead_code, reason = "it is dropped")] Arc<RequestEnd>);

#[derive(Debug)]
struct RequestEnd(Arc<Counts>);

impl Drop for RequestEnd {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::AcqRel);
    }
}
