//! What waits to be written. The tasks of a writer take groups from it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Pending;

/// From this many payloads on, they get a group beside one that is being written. Fewer gather
/// until it ends, because each group costs as much as ten payloads in it.
const GATHER_PAYLOADS: usize = 32;
/// How long they gather at most, so that a group that hangs holds up nothing else.
const GATHER_MAX: Duration = Duration::from_millis(5);
/// For how long after a group as many payloads gather as it had: its clients were answered at once,
/// and send again at nearly the same time. Otherwise the first of them would get a group alone.
const AGAIN_MAX: Duration = Duration::from_millis(1);

/// Payloads that wait, and the groups that are being written.
#[derive(Debug, Default)]
struct Waiting {
    payloads: VecDeque<Pending>,
    writing: usize,
    /// The size of the group that was taken last.
    last_len: usize,
    /// When the last group was written, if none is being written.
    idle_since: Option<Instant>,
}

impl Waiting {
    /// How many payloads are enough for a group, and from when on any number is, if that is known.
    fn enough(&self) -> (usize, Option<Instant>) {
        match self.idle_since {
            None if self.writing > 0 => (GATHER_PAYLOADS, None),
            None => (1, None),
            Some(since) => (self.last_len.min(GATHER_PAYLOADS), Some(since + AGAIN_MAX)),
        }
    }
}

/// The size of a group. One payload is always in it, whatever its size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupLimits {
    pub(crate) payloads_max: usize,
    /// No payload is added to a group that has reached this.
    pub(crate) bytes_max: u64,
}

/// What waits to be written.
#[derive(Debug)]
pub(crate) struct Queue {
    limits: GroupLimits,
    waiting: Mutex<Waiting>,
    more: Notify,
    closed: watch::Sender<bool>,
}

impl Queue {
    /// An empty queue.
    pub(crate) fn new(limits: GroupLimits) -> Self {
        Self {
            limits,
            waiting: Mutex::default(),
            more: Notify::default(),
            closed: watch::Sender::default(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a payload, unless it is closed.
    pub(crate) fn push(&self, pending: Pending) {
        {
            let mut waiting = self.waiting();
            if self.is_closed() {
                return;
            }
            waiting.payloads.push_back(pending);
        }
        self.more.notify_one();
    }

    /// What is written next, once there is something. None when it is closed and empty. Whoever
    /// takes a group says when it is [`written`](Self::written).
    pub(crate) async fn next_group(&self) -> Option<Vec<Pending>> {
        let mut closed = self.closed.subscribe();
        // Since when it waits although there is something.
        let mut gathers_since: Option<Instant> = None;
        loop {
            let is_closed = *closed.borrow_and_update();
            let has_gathered = gathers_since.is_some_and(|since| since.elapsed() >= GATHER_MAX);
            let (group, any_from) = self.take(has_gathered || is_closed);
            if !group.is_empty() {
                return Some(group);
            }
            let gathers = !self.waiting().payloads.is_empty();
            if is_closed && !gathers {
                return None;
            }
            gathers_since = gathers.then(|| gathers_since.unwrap_or_else(Instant::now));
            let gathered = gathers_since.unwrap_or_else(Instant::now) + GATHER_MAX;
            let gathered = any_from.map_or(gathered, |any_from| any_from.min(gathered));
            tokio::select! {
                () = self.more.notified() => {}
                _ = closed.changed() => {}
                () = tokio::time::sleep_until(gathered), if gathers => {}
            }
        }
    }

    /// Takes a group, if enough payloads wait or `has_gathered`. Otherwise also returns from when
    /// on any number is enough, if that is known.
    fn take(&self, has_gathered: bool) -> (Vec<Pending>, Option<Instant>) {
        let (mut group, mut bytes) = (Vec::new(), 0);
        let mut waiting = self.waiting();
        let (enough, any_from) = waiting.enough();
        let is_time = has_gathered || any_from.is_some_and(|any_from| any_from <= Instant::now());
        if waiting.payloads.len() < enough && !is_time {
            return (group, any_from);
        }
        while group.len() < self.limits.payloads_max && bytes < self.limits.bytes_max {
            let Some(next) = waiting.payloads.pop_front() else { break };
            bytes += next.bytes();
            group.push(next);
        }
        if !group.is_empty() {
            waiting.writing += 1;
            (waiting.last_len, waiting.idle_since) = (group.len(), None);
        }
        if !waiting.payloads.is_empty() {
            self.more.notify_one();
        }
        (group, None)
    }

    /// Says that a group is written, or refused.
    pub(crate) fn written(&self) {
        let mut waiting = self.waiting();
        waiting.writing = waiting.writing.saturating_sub(1);
        if waiting.writing == 0 {
            waiting.idle_since = Some(Instant::now());
        }
        if !waiting.payloads.is_empty() {
            self.more.notify_one();
        }
    }

    /// Takes everything that waits, to refuse it.
    pub(crate) fn take_all(&self) -> VecDeque<Pending> {
        std::mem::take(&mut self.waiting().payloads)
    }

    /// Takes no more from now on.
    pub(crate) fn close(&self) {
        // Under the lock, so that nothing is added after the tasks have seen it empty and closed.
        let _waiting = self.waiting();
        self.closed.send_replace(true);
    }

    /// Whether it takes no more.
    pub(crate) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Waits until it is closed.
    pub(crate) async fn closed(&self) {
        // An error means that there is no sender, which `self` holds.
        drop(self.closed.subscribe().wait_for(|closed| *closed).await);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    use tokio::sync::oneshot;

    use super::*;
    use crate::store::queued_bytes::QueuedBytes;
    use crate::store::{Encoding, NewPayload, PayloadId, PayloadMetadata, WriterLimits};

    fn push(queue: &Queue, bytes: &Arc<QueuedBytes>, payloads: usize) {
        for _ in 0..payloads {
            let metadata = PayloadMetadata {
                id: PayloadId(uuid::Uuid::nil()),
                received_ms: 0,
                key_id: String::new(),
                source: String::new(),
                encoding: Encoding::Identity,
                events: 1,
                unpacked_bytes: 1,
                user_agent: None,
                origin: None,
                client: None,
            };
            let payload = NewPayload { metadata, body: bytes::Bytes::new(), home: None };
            queue.push(Pending::new(payload, bytes.hold(1).unwrap(), oneshot::channel().0));
        }
    }

    fn empty() -> (Queue, Arc<QueuedBytes>) {
        let limits = GroupLimits { payloads_max: 500, bytes_max: 4 * 1024 * 1024 };
        (Queue::new(limits), Arc::new(QueuedBytes::new(WriterLimits::default())))
    }

    /// How many payloads the next group has, if there is one at once.
    fn at_once(queue: &Queue) -> Option<usize> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(queue.next_group()).poll(&mut context) {
            std::task::Poll::Ready(group) => Some(group.map_or(0, |group| group.len())),
            std::task::Poll::Pending => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn few_payloads_gather_while_others_are_written() {
        let (queue, bytes) = empty();
        push(&queue, &bytes, 1);
        assert_eq!(at_once(&queue), Some(1), "nothing is written meanwhile");
        push(&queue, &bytes, GATHER_PAYLOADS - 1);
        assert_eq!(at_once(&queue), None);
        queue.written();
        assert_eq!(at_once(&queue), Some(GATHER_PAYLOADS - 1));
    }

    #[tokio::test(start_paused = true)]
    async fn many_payloads_and_the_last_ones_are_written_at_once() {
        let (queue, bytes) = empty();
        push(&queue, &bytes, 1);
        assert_eq!(at_once(&queue), Some(1));
        push(&queue, &bytes, GATHER_PAYLOADS);
        assert_eq!(at_once(&queue), Some(GATHER_PAYLOADS));
        push(&queue, &bytes, 2);
        assert_eq!(at_once(&queue), None);
        queue.close();
        assert_eq!(at_once(&queue), Some(2));
        assert_eq!(at_once(&queue), Some(0), "it is closed and empty");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_group_as_many_payloads_gather_for_a_moment() {
        let (queue, bytes) = empty();
        push(&queue, &bytes, 3);
        assert_eq!(at_once(&queue), Some(3));
        queue.written();
        push(&queue, &bytes, 2);
        assert_eq!(at_once(&queue), None, "one of three has not sent again");
        push(&queue, &bytes, 1);
        assert_eq!(at_once(&queue), Some(3));
        queue.written();
        push(&queue, &bytes, 1);
        let begun = Instant::now();
        assert_eq!(queue.next_group().await.map(|group| group.len()), Some(1));
        assert!(begun.elapsed() <= AGAIN_MAX * 2);
        queue.written();
        push(&queue, &bytes, 1);
        assert_eq!(at_once(&queue), Some(1), "as many as before");
        queue.written();
    }

    #[tokio::test(start_paused = true)]
    async fn a_payload_that_comes_later_waits_for_no_other() {
        let (queue, bytes) = empty();
        push(&queue, &bytes, 3);
        assert_eq!(at_once(&queue), Some(3));
        queue.written();
        tokio::time::sleep(AGAIN_MAX).await;
        push(&queue, &bytes, 1);
        assert_eq!(at_once(&queue), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_hangs_holds_up_nothing_for_long() {
        let (queue, bytes) = empty();
        push(&queue, &bytes, 1);
        assert_eq!(at_once(&queue), Some(1));
        push(&queue, &bytes, 1);
        let begun = Instant::now();
        let taken = async {
            // Whatever comes meanwhile does not make the first one wait longer.
            for _ in 0..3 {
                tokio::time::sleep(GATHER_MAX / 2).await;
                push(&queue, &bytes, 1);
            }
        };
        let (group, ()) = tokio::join!(queue.next_group(), taken);
        assert!(group.unwrap().len() < 4);
        assert!(begun.elapsed() < GATHER_MAX * 2);
    }
}
