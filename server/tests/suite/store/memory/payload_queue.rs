//! The queue of payloads that are still to be processed.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use lamplight_server::store::fair_share::FairShare;
use lamplight_server::store::{
    Answer, Backlog, DiscardedSums, ExhaustedPayload, FailedPayload, KeptPayload, Lease, LeaseAsk,
    LeasedPayload, NewPayload, PayloadId, PayloadQueue, PayloadState, Replay, SetAsidePayload,
    SetAsideSums, StoreError, Ticket, Unprocessed, UnprocessedPayload, WorkerSlot,
};
use tokio::sync::Notify;

use super::tables::{Tables, answer, conflict};

/// The parts that the queue is divided into, and so the largest number of workers.
const PARTS: u32 = 4;

/// What the intake side keeps.
#[derive(Clone, Default)]
pub(super) struct IntakeTables {
    /// Every payload, by its position in the order of arrival.
    pub(super) payloads: BTreeMap<u64, NewPayload>,
    pub(super) by_id: BTreeMap<PayloadId, u64>,
    /// The payloads that are still to be processed.
    pub(super) queue: BTreeMap<u64, Queued>,
    pub(super) set_aside: BTreeMap<PayloadId, SetAside>,
    /// How much was discarded.
    discarded: DiscardedSums,
    pub(super) replays: Vec<Replay>,
    staged: u64,
}

/// A payload in the queue.
#[derive(Clone, Default)]
pub(super) struct Queued {
    /// 0 before the first attempt, the end of the lease during one, later the time of the next.
    due_ms: i64,
    lease: Option<Lease>,
    attempts: u32,
    own_failures: u32,
    last_error: Option<String>,
}

/// A payload that failed too often.
#[derive(Clone)]
pub(super) struct SetAside {
    pub(super) position: u64,
    queued: Queued,
    error: String,
    since_ms: i64,
    pub(super) discarded_ms: Option<i64>,
}

/// One process's handle on the intake side.
pub(super) struct MemoryIntake {
    pub(super) tables: Tables<IntakeTables>,
    staged: [Notify; PARTS as usize],
}

fn part_of(position: u64) -> u32 {
    u32::try_from(position % u64::from(PARTS)).unwrap()
}

impl MemoryIntake {
    pub(super) fn open(tables: Arc<Mutex<IntakeTables>>) -> Self {
        for queued in tables.lock().unwrap().queue.values_mut() {
            if queued.lease.take().is_some() {
                queued.due_ms = 1;
            }
        }
        Self { tables: Tables::open(tables), staged: Default::default() }
    }
}

impl IntakeTables {
    fn stage(&mut self, payload: NewPayload) -> Result<u64, StoreError> {
        let (id, position) = (payload.metadata.id, self.staged);
        if self.by_id.insert(id, position).is_some() {
            return Err(conflict("stage a payload", format!("payload {id} exists")));
        }
        self.staged += 1;
        self.payloads.insert(position, payload);
        self.queue.insert(position, Queued::default());
        Ok(position)
    }

    /// The positions of what is due for a worker, the longest waiting first: what was tried before,
    /// or what was not.
    fn due(&self, ask: LeaseAsk, is_retry: bool) -> Vec<u64> {
        let due = self.queue.iter().filter(|(position, queued)| {
            ask.worker.owns(part_of(**position))
                && (queued.due_ms > 0) == is_retry
                && queued.due_ms <= ask.now_ms
        });
        let mut due: Vec<_> = due.map(|(position, queued)| (queued.due_ms, *position)).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, position)| position).collect()
    }

    fn lease(&mut self, ask: LeaseAsk) -> Vec<LeasedPayload> {
        let share =
            FairShare { places: ask.payloads_max as usize, bytes_max: ask.unpacked_bytes_max };
        let bytes_of = |position: &u64| u64::from(self.payloads[position].metadata.unpacked_bytes);
        let chosen = share.choose(self.due(ask, true), self.due(ask, false), bytes_of);
        let lease = Lease { token: ask.token, until_ms: ask.now_ms.saturating_add(ask.lease_ms) };
        let lease_one = |position: u64| {
            let queued = self.queue.get_mut(&position).unwrap();
            let (attempts, own_failures) = (queued.attempts, queued.own_failures);
            (queued.due_ms, queued.lease) = (lease.until_ms, Some(lease));
            queued.attempts += 1;
            let NewPayload { metadata, body, .. } = self.payloads[&position].clone();
            let ticket = Ticket::new(&position.to_be_bytes());
            LeasedPayload { lease, ticket, attempts, own_failures, metadata, body }
        };
        chosen.into_iter().map(lease_one).collect()
    }

    /// Takes what `ticket` names out of the queue, if `lease` holds it.
    fn take(
        &mut self,
        lease: Lease,
        ticket: &Ticket,
        now_ms: i64,
    ) -> Result<(u64, Queued), StoreError> {
        let position = ticket.name().try_into().map(u64::from_be_bytes);
        let position = position.map_err(|_| StoreError::LeaseLost)?;
        let queued = self.queue.remove(&position).ok_or(StoreError::LeaseLost)?;
        let is_held = queued.lease == Some(lease) && now_ms < lease.until_ms;
        if is_held { Ok((position, queued)) } else { Err(StoreError::LeaseLost) }
    }

    /// Payloads that are set aside, or that were discarded, in the order of their ids, after
    /// `after`.
    fn list_set_aside(
        &self,
        is_discarded: bool,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Vec<SetAsidePayload> {
        let rest = self.set_aside.iter().filter(|(id, aside)| {
            after.is_none_or(|after| **id > after) && aside.discarded_ms.is_some() == is_discarded
        });
        let listed = |(_, aside): (&PayloadId, &SetAside)| SetAsidePayload {
            metadata: self.payloads[&aside.position].metadata.clone(),
            attempts: aside.queued.attempts,
            error: aside.error.clone(),
            set_aside_ms: aside.since_ms,
            discarded_ms: aside.discarded_ms,
        };
        rest.take(limit as usize).map(listed).collect()
    }

    /// Marks a payload that is set aside as discarded, or as set aside again.
    fn mark_discarded(&mut self, id: PayloadId, discarded_ms: Option<i64>) -> bool {
        let aside = self.set_aside.get_mut(&id);
        let Some(aside) = aside.filter(|it| it.discarded_ms.is_some() != discarded_ms.is_some())
        else {
            return false;
        };
        aside.discarded_ms = discarded_ms;
        let events = u64::from(self.payloads[&aside.position].metadata.events);
        let sums = &mut self.discarded;
        *sums = if discarded_ms.is_some() {
            DiscardedSums { payloads: sums.payloads + 1, events: sums.events + events }
        } else {
            DiscardedSums { payloads: sums.payloads - 1, events: sums.events - events }
        };
        true
    }

    fn state_at(&self, position: u64) -> PayloadState {
        if let Some(queued) = self.queue.get(&position) {
            let is_leased = queued.lease.is_some();
            return PayloadState::Waiting {
                attempts: queued.attempts,
                due_ms: (queued.due_ms > 0 && !is_leased).then_some(queued.due_ms),
                is_leased,
                error: queued.last_error.clone(),
            };
        }
        match self.set_aside.values().find(|aside| aside.position == position) {
            Some(aside) => PayloadState::SetAside {
                attempts: aside.queued.attempts,
                error: aside.error.clone(),
                set_aside_ms: aside.since_ms,
                discarded_ms: aside.discarded_ms,
            },
            None => PayloadState::Settled,
        }
    }

    fn unprocessed(&self, payloads_max: u32, unpacked_bytes_max: u64) -> Unprocessed {
        let tried = |is: bool| {
            let tried = self.queue.iter().filter(move |(_, queued)| (queued.due_ms > 0) == is);
            tried.map(|(position, _)| *position).rev()
        };
        let mut aside: Vec<u64> = self.set_aside.values().map(|it| it.position).collect();
        aside.sort_unstable_by_key(|position| std::cmp::Reverse(*position));
        let mut found = Unprocessed::default();
        let mut bytes = 0;
        for position in tried(true).chain(aside).chain(tried(false)) {
            if found.payloads.len() >= payloads_max as usize || bytes >= unpacked_bytes_max {
                found.has_more = true;
                break;
            }
            let NewPayload { metadata, body, .. } = self.payloads[&position].clone();
            bytes += u64::from(metadata.unpacked_bytes);
            let payload = KeptPayload { metadata, body };
            found.payloads.push(UnprocessedPayload { payload, state: self.state_at(position) });
        }
        found
    }

    /// Puts a payload that is set aside back in the queue. Gives its position.
    fn retry(&mut self, id: PayloadId, now_ms: i64) -> Option<u64> {
        self.set_aside.get(&id).filter(|aside| aside.discarded_ms.is_none())?;
        let SetAside { position, queued, error, .. } = self.set_aside.remove(&id)?;
        let (due_ms, last_error) = (now_ms.max(1), Some(error));
        let queued = Queued { due_ms, lease: None, own_failures: 0, last_error, ..queued };
        self.queue.insert(position, queued);
        Some(position)
    }

    fn backlog(&self) -> Backlog {
        let metadata = || self.queue.keys().map(|position| &self.payloads[position].metadata);
        let failed = || self.queue.values().filter(|queued| queued.last_error.is_some());
        let last = failed().max_by_key(|queued| queued.due_ms);
        let of = |aside: &SetAside| &self.payloads[&aside.position].metadata;
        let aside = || self.set_aside.values().filter(|it| it.discarded_ms.is_none()).map(of);
        let set_aside = SetAsideSums {
            payloads: aside().count() as u64,
            events: aside().map(|it| u64::from(it.events)).sum(),
            oldest_ms: self.set_aside.values().map(|it| of(it).received_ms).min(),
        };
        Backlog {
            set_aside,
            discarded: self.discarded,
            stream: None,
            payloads: self.queue.len() as u64,
            events: metadata().map(|it| u64::from(it.events)).sum(),
            oldest_ms: metadata().map(|it| it.received_ms).min(),
            failing: failed().count() as u64,
            last_error: last.and_then(|queued| queued.last_error.clone()),
        }
    }
}

impl PayloadQueue for MemoryIntake {
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()> {
        let staged = self.tables.write(|tables| tables.stage(payload));
        answer(staged.map(|position| self.staged[part_of(position) as usize].notify_one()))
    }

    fn stage_all(&self, payloads: Vec<NewPayload>) -> Answer<'_, ()> {
        let staged = self.tables.write(|tables| {
            let mut staged = Vec::new();
            for payload in payloads {
                if !tables.by_id.contains_key(&payload.metadata.id) {
                    staged.push(tables.stage(payload)?);
                }
            }
            Ok(staged)
        });
        answer(staged.map(|positions| {
            for position in positions {
                self.staged[part_of(position) as usize].notify_one();
            }
        }))
    }

    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>> {
        answer(self.tables.write(|tables| Ok(tables.lease(ask))))
    }

    fn settle(&self, lease: Lease, tickets: Vec<Ticket>, now_ms: i64) -> Answer<'_, ()> {
        answer(self.tables.write(|tables| {
            tickets.iter().try_for_each(|ticket| tables.take(lease, ticket, now_ms).map(|_| ()))
        }))
    }

    fn release(&self, lease: Lease, failed: Vec<FailedPayload>, now_ms: i64) -> Answer<'_, ()> {
        answer(self.tables.write(|tables| {
            for failed in failed {
                let (position, queued) = tables.take(lease, &failed.ticket, now_ms)?;
                let (due_ms, last_error) = (failed.due_ms.max(1), Some(failed.error));
                let own_failures = queued.own_failures + u32::from(failed.is_own);
                let queued = Queued { due_ms, lease: None, own_failures, last_error, ..queued };
                tables.queue.insert(position, queued);
            }
            Ok(())
        }))
    }

    fn set_aside(
        &self,
        lease: Lease,
        exhausted: Vec<ExhaustedPayload>,
        now_ms: i64,
    ) -> Answer<'_, ()> {
        answer(self.tables.write(|tables| {
            for ExhaustedPayload { ticket, error } in exhausted {
                let (position, queued) = tables.take(lease, &ticket, now_ms)?;
                let id = tables.payloads[&position].metadata.id;
                let (since_ms, discarded_ms) = (now_ms, None);
                let aside = SetAside { position, queued, error, since_ms, discarded_ms };
                tables.set_aside.insert(id, aside);
            }
            Ok(())
        }))
    }

    fn list_set_aside(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        answer(self.tables.read(|tables| tables.list_set_aside(false, after, limit)))
    }

    fn list_discarded(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        answer(self.tables.read(|tables| tables.list_set_aside(true, after, limit)))
    }

    fn discard(&self, id: PayloadId, now_ms: i64) -> Answer<'_, bool> {
        answer(self.tables.write(|tables| Ok(tables.mark_discarded(id, Some(now_ms)))))
    }

    fn restore(&self, id: PayloadId) -> Answer<'_, bool> {
        answer(self.tables.write(|tables| Ok(tables.mark_discarded(id, None))))
    }

    fn state(&self, id: PayloadId) -> Answer<'_, Option<PayloadState>> {
        answer(
            self.tables
                .read(|tables| tables.by_id.get(&id).map(|position| tables.state_at(*position))),
        )
    }

    fn unprocessed(&self, payloads_max: u32, unpacked_bytes_max: u64) -> Answer<'_, Unprocessed> {
        answer(self.tables.read(|tables| tables.unprocessed(payloads_max, unpacked_bytes_max)))
    }

    fn retry(&self, id: PayloadId, now_ms: i64) -> Answer<'_, bool> {
        let retried = self.tables.write(|tables| Ok(tables.retry(id, now_ms)));
        answer(retried.map(|position| {
            position.is_some_and(|position| {
                self.staged[part_of(position) as usize].notify_one();
                true
            })
        }))
    }

    fn backlog(&self) -> Answer<'_, Backlog> {
        answer(self.tables.read(IntakeTables::backlog))
    }

    fn workers_max(&self) -> u32 {
        PARTS
    }

    fn staged(&self, worker: WorkerSlot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let parts = (0..).zip(self.staged.iter()).filter(|(part, _)| worker.owns(*part));
        let mut waits: Vec<_> = parts.map(|(_, staged)| Box::pin(staged.notified())).collect();
        Box::pin(poll_fn(move |context| {
            // All of them are polled, so that each knows this waker.
            let mut is_staged = false;
            for wait in &mut waits {
                is_staged |= wait.as_mut().poll(context).is_ready();
            }
            if is_staged { Poll::Ready(()) } else { Poll::Pending }
        }))
    }
}
