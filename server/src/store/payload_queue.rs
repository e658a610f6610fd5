//! The queue of raw payloads that are still to be processed.

use std::future::Future;
use std::pin::Pin;

use super::{
    Answer, Backlog, FailedPayload, Lease, LeaseAsk, LeasedPayload, NewPayload, Ticket, WorkerSlot,
};

/// Takes raw payloads, durably, and leases them to workers until each is settled.
///
/// The only storage that the intake stage writes to. It never shares a transaction with
/// [`super::Events`], so the two may be on different machines.
pub trait PayloadQueue: Send + Sync + 'static {
    /// Stages a payload. **It is on disk, synced, when this returns `Ok`** (I1).
    ///
    /// Dropping the future does not take the payload back.
    ///
    /// # Errors
    /// [`super::StoreError::Full`] and [`super::StoreError::Down`] are for the caller's client to wait out.
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()>;

    /// Leases payloads that are due, the longest waiting first, within the limits that are asked for.
    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>>;

    /// Ends work on leased payloads. It is durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`super::StoreError::LeaseLost`], having changed nothing, unless `lease` holds every one of `tickets` (I4).
    fn settle(&self, lease: Lease, tickets: Vec<Ticket>, now_ms: i64) -> Answer<'_, ()>;

    /// Gives leased payloads back after a failure, each to be due again later. Never drops one (I3).
    ///
    /// # Errors
    /// [`super::StoreError::LeaseLost`], having changed nothing, unless `lease` holds every one of them (I4).
    fn release(&self, lease: Lease, failed: Vec<FailedPayload>, now_ms: i64) -> Answer<'_, ()>;

    /// How much waits to be processed.
    fn backlog(&self) -> Answer<'_, Backlog>;

    /// The largest number of workers that this queue can be divided between.
    fn workers_max(&self) -> u32;

    /// Returns when payloads for `worker` were staged since the last call, or may have been. Only
    /// that worker waits for them.
    fn staged(&self, worker: WorkerSlot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}
