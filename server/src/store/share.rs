//! Shares: the parts that the queue of payloads is divided into, so that workers never wait for
//! each other or look at each other's rows.
//!
//! A payload's position decides its share when it is staged. Runs of payloads go to the same share,
//! so that a worker that leases a batch reads neighbouring rows.

use std::future::{Future, poll_fn};
use std::task::Poll;

use tokio::sync::Notify;

use crate::store::WorkerSlot;

/// The number of shares, and so the largest number of workers that can work side by side.
pub(crate) const SHARES: u32 = 4;
/// Payloads in a row that go to the same share.
const RUN: i64 = 64;

/// The share of the payload at `position`. SQLite's V2 of `intake.db` computes the same.
pub(crate) fn share_of(position: i64) -> u32 {
    u32::try_from((position / RUN).rem_euclid(i64::from(SHARES))).unwrap_or(0)
}

/// The shares of one worker.
pub(crate) fn shares_of(worker: WorkerSlot) -> impl Iterator<Item = u32> {
    (0..SHARES).filter(move |share| worker.owns(*share))
}

/// Wakes the worker that waits for a share.
#[derive(Debug, Default)]
pub(crate) struct Wakers([Notify; SHARES as usize]);

impl Wakers {
    /// Says that something was staged in a share.
    pub(crate) fn wake(&self, share: u32) {
        if let Some(staged) = self.0.get(share as usize) {
            staged.notify_one();
        }
    }

    /// Returns when something may have been staged for `worker` since the last call.
    pub(crate) fn staged(&self, worker: WorkerSlot) -> impl Future<Output = ()> + Send + '_ {
        let wakers = (0..).zip(self.0.iter());
        let mut waits: Vec<_> = wakers
            .filter(|(share, _)| worker.owns(*share))
            .map(|(_, staged)| Box::pin(staged.notified()))
            .collect();
        poll_fn(move |context| {
            // Poll every one: each must register the waker.
            let woken = waits.iter_mut().filter_map(|wait| match wait.as_mut().poll(context) {
                Poll::Ready(()) => Some(()),
                Poll::Pending => None,
            });
            if woken.count() > 0 { Poll::Ready(()) } else { Poll::Pending }
        })
    }
}
