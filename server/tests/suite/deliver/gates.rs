//! Gates: the points where the process may crash, before and after every call to the store and
//! every request.
//!
//! A lane stops at each gate until it is polled again. So one thread decides which lane continues,
//! and the same seed gives the same run.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use crate::store::machine::STORAGE_RUNTIME;

/// Tells whether the task that was polled last has stopped at a gate.
#[derive(Debug, Default)]
pub(crate) struct Gates(AtomicBool);

impl Gates {
    /// Stops once.
    pub(crate) async fn pass(&self) {
        let mut stood = false;
        poll_fn(|_| {
            if std::mem::replace(&mut stood, true) {
                return Poll::Ready(());
            }
            self.0.store(true, Ordering::SeqCst);
            Poll::Pending
        })
        .await;
    }

    /// Runs `work` to its next gate, or to its end, and then gives its result.
    pub(crate) async fn next<T>(&self, work: &mut Pin<Box<dyn Future<Output = T>>>) -> Option<T> {
        poll_fn(|context| {
            self.0.store(false, Ordering::SeqCst);
            match work.as_mut().poll(context) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending if self.0.load(Ordering::SeqCst) => Poll::Ready(None),
                // It sleeps, and the clock advances until it wakes.
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for the store's threads without letting the runtime advance its clock.
pub(crate) fn wait<T>(answer: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut answer = pin!(tokio::task::unconstrained(answer));
    loop {
        // What it spawns, such as a connection, goes on while this thread waits.
        let entered = STORAGE_RUNTIME.enter();
        if let Poll::Ready(value) = answer.as_mut().poll(&mut context) {
            return value;
        }
        drop(entered);
        std::thread::park();
    }
}
