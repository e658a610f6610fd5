//! The queue of raw payloads that are still to be processed.

use std::future::Future;
use std::pin::Pin;

use super::{
    Answer, Backlog, ExhaustedPayload, FailedPayload, Lease, LeaseAsk, LeasedPayload, NewPayload,
    PayloadId, PayloadState, SetAsidePayload, StreamBacklog, Ticket, Unprocessed, WorkerSlot,
};

/// Takes raw payloads, durably, and leases them to workers until each is settled.
///
/// Where there are several databases, "having changed nothing" is about the one that refuses: what
/// another one holds of the same lease ends there.
///
/// The only storage that the intake stage writes to. It never shares a transaction with
/// [`super::Events`], so the two may be on different machines.
pub trait PayloadQueue: Send + Sync + 'static {
    /// Stages a payload. **It is on disk, synced, when this returns `Ok`** (I1).
    ///
    /// Dropping the future does not cancel the write.
    ///
    /// # Errors
    /// [`super::StoreError::Full`] and [`super::StoreError::Down`] pass by themselves: the client
    /// retries later.
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()>;

    /// Stages payloads that may have been staged before. One that is known changes nothing, whether
    /// it waits, was settled, set aside or discarded. **All of them are on disk when this returns
    /// `Ok`.** After an error, some may be: stage all of them again.
    ///
    /// # Errors
    /// As of [`Self::stage`].
    fn stage_all(&self, payloads: Vec<NewPayload>) -> Answer<'_, ()>;

    /// Leases payloads that are due, the longest waiting first, within the limits of `ask`.
    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>>;

    /// Removes finished payloads from the queue. It is durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`super::StoreError::LeaseLost`], having changed nothing, unless `lease` holds every one of
    /// `tickets` (I4).
    fn settle(&self, lease: Lease, tickets: Vec<Ticket>, now_ms: i64) -> Answer<'_, ()>;

    /// Returns leased payloads to the queue after a failure, each due again later. Never drops one
    /// (I3).
    ///
    /// # Errors
    /// [`super::StoreError::LeaseLost`], having changed nothing, unless `lease` holds every one of
    /// them (I4).
    fn release(&self, lease: Lease, failed: Vec<FailedPayload>, now_ms: i64) -> Answer<'_, ()>;

    /// Takes leased payloads out of the queue and keeps each with its error. No worker leases one
    /// again, and [`super::Archive::prune`] keeps it, until [`Self::retry`] puts it back (I3).
    ///
    /// # Errors
    /// [`super::StoreError::LeaseLost`], having changed nothing, unless `lease` holds every one of
    /// them (I4).
    fn set_aside(
        &self,
        lease: Lease,
        exhausted: Vec<ExhaustedPayload>,
        now_ms: i64,
    ) -> Answer<'_, ()>;

    /// At most `limit` of the payloads that are set aside, in the order of their ids, after
    /// `after`.
    fn list_set_aside(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>>;

    /// The same of payloads that were set aside and discarded.
    fn list_discarded(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>>;

    /// Discards a payload that is set aside: nobody owes its events to anybody from then on, and it
    /// counts as discarded. [`super::Archive::prune`] may delete it. Gives false if no such payload
    /// is set aside.
    fn discard(&self, id: PayloadId, now_ms: i64) -> Answer<'_, bool>;

    /// Sets a payload aside again that was discarded. Gives false if there is none.
    fn restore(&self, id: PayloadId) -> Answer<'_, bool>;

    /// Where a payload is. `None` if there is no such payload, or no longer.
    fn state(&self, id: PayloadId) -> Answer<'_, Option<PayloadState>>;

    /// Payloads that are not processed yet: at most `payloads_max`, and about `unpacked_bytes_max`
    /// decompressed bytes.
    fn unprocessed(&self, payloads_max: u32, unpacked_bytes_max: u64) -> Answer<'_, Unprocessed>;

    /// Puts a payload that is set aside back in the queue, due at `due_ms` and with no failures of
    /// its own. Gives false if no such payload is set aside, or it was discarded.
    fn retry(&self, id: PayloadId, due_ms: i64) -> Answer<'_, bool>;

    /// How much work is queued, and how much is set aside.
    fn backlog(&self) -> Answer<'_, Backlog>;

    /// What a stream in front of the queue holds, also while the queue itself cannot be read.
    /// `None` if there is no stream.
    fn in_stream(&self) -> Answer<'_, Option<StreamBacklog>> {
        Box::pin(async { Ok(None) })
    }

    /// The fewest workers that keep all parts of this queue moving when one of them waits.
    fn workers_min(&self) -> u32 {
        1
    }

    /// The largest number of workers that this queue can be divided between.
    fn workers_max(&self) -> u32;

    /// Returns when payloads for `worker` may have been staged since the last call. Only that
    /// worker waits for them.
    fn staged(&self, worker: WorkerSlot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}
