//! Shares: the parts that the queue of payloads is divided into, so that workers never wait for
//! each other or look at each other's rows.
//!
//! A payload's position decides its share when it is staged. Runs of payloads go to the same share,
//! so that a worker that leases a batch reads neighbouring rows.

use crate::store::WorkerSlot;

/// The number of shares, and so the largest number of workers that can work side by side.
pub(crate) const SHARES: u32 = 4;
/// Payloads in a row that go to the same share.
const RUN: i64 = 64;

/// The share of the payload at `position`. The schema's V2 computes the same.
pub(crate) fn share_of(position: i64) -> u32 {
    u32::try_from((position / RUN).rem_euclid(i64::from(SHARES))).unwrap_or(0)
}

/// The shares of one worker.
pub(crate) fn shares_of(worker: WorkerSlot) -> impl Iterator<Item = u32> {
    (0..SHARES).filter(move |share| worker.owns(*share))
}
