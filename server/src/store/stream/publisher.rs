//! The publisher of a shard: it groups payloads that wait and publishes each group as one message.
//!
//! A payload is answered only after the acknowledgement of its group. Whoever publishes a group
//! again does so with the same id, so the stream keeps it once; and if it kept it twice, the queue
//! behind the stream would.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::group;
use super::health::{Health, Verdict};
use super::link::{Link, Refused};
use crate::metrics::commits::{CommitMetrics, CommitSums};
use crate::store::queued_bytes::QueuedBytes;
use crate::store::staging::{GroupLimits, Pending, Queue};
use crate::store::{NewPayload, StoreError, WriterLimits};
use crate::system::entropy::Entropy;
use crate::system::supervisor::Supervisor;

/// How many groups of a shard are on their way at the same time.
const IN_FLIGHT: usize = 2;
/// A larger message takes longer than two of half its size.
const GROUP: GroupLimits = GroupLimits { payloads_max: 500, bytes_max: 700_000 };
/// About what a payload takes beside its body.
const HEAD_BYTES: u64 = 512;
/// How long a group is published again whose outcome is unknown. The next leader is usually there
/// by then. Whoever sent a payload waits for that.
const TRIED_FOR: Duration = Duration::from_secs(8);
/// The same while the server shuts down.
const TRIED_FOR_AT_THE_END: Duration = Duration::from_secs(1);
/// How long to wait before the next try, at first and at most.
const AGAIN_MS: (u64, u64) = (50, 1_000);
/// How long payloads are refused before one is tried again.
const REFUSES_FOR: Duration = Duration::from_secs(1);
/// When to try again after the stream was full, in seconds. It empties as fast as databases store.
const FULL_RETRY_S: u32 = 10;

/// The publisher of a shard.
#[derive(Debug)]
pub(super) struct Publisher {
    shared: Arc<Shared>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    link: Arc<Link>,
    health: Arc<Health>,
    entropy: Arc<dyn Entropy>,
    subject: String,
    queue: Queue,
    bytes: Arc<QueuedBytes>,
    metrics: CommitMetrics,
    /// Why the last group was not acknowledged, since when payloads are refused.
    outage: Mutex<Option<(Arc<str>, Instant)>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Publisher {
    /// Starts its tasks on the current runtime.
    pub(super) fn start(
        link: &Arc<Link>,
        health: &Arc<Health>,
        entropy: &Arc<dyn Entropy>,
        subject: String,
        limits: WriterLimits,
        supervisor: &Supervisor,
    ) -> Self {
        let shared = Arc::new(Shared {
            link: Arc::clone(link),
            health: Arc::clone(health),
            entropy: Arc::clone(entropy),
            subject,
            queue: Queue::new(GROUP),
            bytes: Arc::new(QueuedBytes::new(limits)),
            metrics: CommitMetrics::default(),
            outage: Mutex::new(None),
        });
        let tasks = (0..IN_FLIGHT).map(|_| {
            let task = run(Arc::clone(&shared));
            supervisor.spawn_keeper("publisher of payloads", &Handle::current(), task)
        });
        Self { tasks: Mutex::new(tasks.collect()), shared }
    }

    /// Why it takes no payloads, if it does not.
    pub(super) fn fault(&self) -> Option<Arc<str>> {
        if self.shared.queue.is_closed() {
            return Some("it is closed".into());
        }
        let outage = self.shared.outage.lock().unwrap_or_else(PoisonError::into_inner);
        outage.as_ref().map(|(why, _)| Arc::clone(why))
    }

    pub(super) fn commits(&self) -> CommitSums {
        CommitSums {
            queued_bytes: self.shared.bytes.now(),
            queued_bytes_max: self.shared.bytes.max(),
            ..self.shared.metrics.sums()
        }
    }

    /// Queues a payload and waits until its group is acknowledged. Dropping the future does not
    /// cancel it.
    pub(super) fn stage(
        &self,
        payload: NewPayload,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let queued = self.queue(payload);
        let bytes = Arc::clone(&self.shared.bytes);
        async move { queued?.await.unwrap_or_else(|_| Err(bytes.down())) }
    }

    fn queue(
        &self,
        payload: NewPayload,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        if self.shared.refuses() {
            return Err(self.shared.bytes.down());
        }
        let held = self.shared.bytes.hold(payload.body.len() as u64 + HEAD_BYTES)?;
        let (answer, answered) = oneshot::channel();
        // What is not taken is dropped, and so answered.
        self.shared.queue.push(Pending::new(payload, held, answer));
        Ok(answered)
    }

    /// Takes no more, publishes what is queued, and ends the tasks.
    pub(super) fn close(&self) -> impl Future<Output = ()> + Send + 'static {
        self.shared.queue.close();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        async move {
            for task in tasks {
                // Whether it panicked, its supervisor knows.
                drop(task.await);
            }
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

impl Shared {
    /// Whether payloads are refused at once. Now and then one is let through, to learn more.
    fn refuses(&self) -> bool {
        if matches!(self.health.verdict(), Verdict::Unsafe(_)) {
            return true;
        }
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        match outage.as_mut() {
            None => false,
            Some((_, since)) if since.elapsed() < REFUSES_FOR => true,
            Some((_, since)) => {
                *since = Instant::now();
                false
            }
        }
    }

    /// Publishes a group until it is acknowledged or refused.
    async fn publish(&self, group: &[Pending]) -> Result<(), StoreError> {
        // The monotonic clock, not the clock port: it measures how long the cluster takes.
        let begun = Instant::now();
        let Some(message) = group::encode(group.iter().map(|it| &it.payload)) else {
            return Err(self.down(begun, "a group is too large for a message"));
        };
        let id = match self.entropy.bits() {
            Ok(bits) => format!("{bits:032x}"),
            Err(error) => return Err(self.down(begun, &error.to_string())),
        };
        let mut wait_ms = AGAIN_MS.0;
        loop {
            let why = match self.attempt(&id, &message, begun + TRIED_FOR).await {
                Ok(()) => {
                    self.acknowledged(group, begun);
                    return Ok(());
                }
                Err(Refused::Full) => return Err(self.full()),
                Err(Refused::Unknown(why)) => why,
            };
            self.metrics.failed();
            let is_unsafe = matches!(self.health.verdict(), Verdict::Unsafe(_));
            let tried_for = if self.queue.is_closed() { TRIED_FOR_AT_THE_END } else { TRIED_FOR };
            if is_unsafe || begun.elapsed() >= tried_for {
                return Err(self.down(begun, &why));
            }
            tracing::debug!(why, "a group is published again");
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            wait_ms = (wait_ms * 2).min(AGAIN_MS.1);
        }
    }

    /// Publishes a group once, over a connection that was checked. One that was made meanwhile may
    /// lead to nodes with other settings.
    async fn attempt(&self, id: &str, message: &Bytes, deadline: Instant) -> Result<(), Refused> {
        let unknown = |why: &str| Err(Refused::Unknown(why.to_owned()));
        let Some(connection) = self.health.safe_by(deadline).await else {
            return unknown("the nodes of NATS are not known to be safe");
        };
        if !self.link.is_connected() || self.link.connection() != connection {
            return unknown("there is no connection to NATS");
        }
        self.link.publish(&self.subject, id, message.clone()).await?;
        if self.link.connection() != connection {
            return unknown("the connection to NATS was made again");
        }
        Ok(())
    }

    fn outage_since(&self) -> Option<Instant> {
        let outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        outage.as_ref().map(|(_, since)| *since)
    }

    /// Returns when it is time to find out whether an outage is over. Never, if there is none.
    async fn probe_due(&self) {
        match self.outage_since() {
            Some(since) => tokio::time::sleep_until(since + REFUSES_FOR).await,
            None => std::future::pending().await,
        }
    }

    /// Publishes a group of no payloads. A load balancer sends none to a server that is not ready,
    /// so whether it is again must not depend on any.
    async fn probe(&self) {
        let (Some(message), Ok(id)) = (group::encode([]), self.entropy.bits()) else { return };
        let until = Instant::now() + REFUSES_FOR;
        match self.attempt(&format!("{id:032x}"), &message, until).await {
            // A full stream is no outage: it answers.
            Ok(()) | Err(Refused::Full) => self.set_outage(None),
            Err(Refused::Unknown(why)) => self.set_outage(Some(&why)),
        }
    }

    fn acknowledged(&self, group: &[Pending], begun: Instant) {
        let took = begun.elapsed();
        self.metrics.group.observe(took);
        self.metrics.committed(group.len() as u64);
        self.set_outage(None);
        let bytes: u64 = group.iter().map(Pending::bytes).sum();
        let groups = self.bytes.now() / bytes.max(64 * 1024);
        let seconds = took.as_millis().saturating_mul(u128::from(groups)) / 1_000;
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX).clamp(1, 30);
        self.bytes.set_retry_after_s(seconds);
    }

    fn full(&self) -> StoreError {
        tracing::warn!(
            "the intake stream is full: payloads are refused until databases store more"
        );
        StoreError::Full { queued_bytes: self.link.bytes_max(), retry_after_s: FULL_RETRY_S }
    }

    fn down(&self, begun: Instant, why: &str) -> StoreError {
        let tried_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::error!(why, tried_ms, "failed to publish payloads: the intake stream is down");
        self.set_outage(Some(why));
        self.bytes.set_retry_after_s(2);
        self.bytes.down()
    }

    fn set_outage(&self, why: Option<&str>) {
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        if why.is_none() && outage.is_some() {
            tracing::info!("the intake stream takes payloads again");
        }
        *outage = why.map(|why| (why.into(), Instant::now()));
    }
}

/// Publishes whatever is queued until the queue is closed.
async fn run(shared: Arc<Shared>) {
    let _ended = Ended(Arc::clone(&shared));
    loop {
        let group = tokio::select! {
            group = shared.queue.next_group() => group,
            () = shared.probe_due() => {
                shared.probe().await;
                continue;
            }
        };
        let Some(group) = group else { return };
        let outcome = shared.publish(&group).await;
        for pending in group {
            pending.answer(outcome.clone());
        }
        shared.queue.written();
        if outcome.is_err() {
            // Nothing waits for as long again.
            for pending in shared.queue.take_all() {
                pending.answer(outcome.clone());
            }
        }
    }
}

/// Refuses everything once a task ends, also by a panic.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.queue.close();
        if std::thread::panicking() {
            drop(self.0.queue.take_all());
        }
    }
}
