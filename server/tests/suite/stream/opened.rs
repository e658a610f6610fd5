//! A stream that this process opened, in front of a queue in memory.

use std::sync::Arc;
use std::time::Duration;

use lamplight_server::store::stream::{self, OpenError, OpenStream, Parts};
use lamplight_server::store::{Backlog, Database, PayloadQueue, Storage, WriterLimits};
use lamplight_server::system::entropy::SystemEntropy;
use lamplight_server::system::supervisor::Supervisor;

use crate::harness::now;
use crate::store::memory::Memory;

/// How long something may take that takes moments on a machine with nothing else to do.
pub(crate) const SOON: Duration = Duration::from_mins(1);

/// A stream in front of the queue of a memory.
pub(crate) struct Opened {
    pub(crate) queue: Arc<dyn PayloadQueue>,
    pub(crate) database: Arc<dyn Database>,
    /// What is behind the stream.
    pub(crate) inner: Storage,
}

impl Opened {
    /// Opens the stream of this URL in front of an empty queue.
    pub(crate) async fn new(url: &str) -> Result<Self, OpenError> {
        let inner = Memory::default().open(Vec::new());
        let queue = Arc::clone(&inner.payload_queue);
        Self::over(url, inner, queue).await
    }

    /// The same in front of a queue that is given.
    pub(crate) async fn over(
        url: &str,
        inner: Storage,
        queue: Arc<dyn PayloadQueue>,
    ) -> Result<Self, OpenError> {
        let parts = Parts {
            database: Arc::clone(&inner.intake_database),
            entropy: Arc::new(SystemEntropy),
            limits: WriterLimits::default(),
            supervisor: &Supervisor::default(),
        };
        let OpenStream { mut queues, database } =
            stream::open(&url.parse().unwrap(), &[(1, queue)], parts).await?;
        let (shard, queue) = queues.remove(0);
        assert_eq!((shard, queues.len()), (1, 0));
        Ok(Self { queue, database, inner })
    }

    /// What is behind the stream.
    pub(crate) async fn behind(&self) -> Backlog {
        self.inner.payload_queue.backlog().await.unwrap()
    }

    /// How many groups are in the stream.
    pub(crate) async fn groups(&self) -> u64 {
        self.queue.backlog().await.unwrap().stream.unwrap().groups
    }

    /// Waits until this many payloads are behind the stream, and nothing is in it.
    pub(crate) async fn drained(&self, payloads: u64) {
        let begun = now();
        loop {
            let (behind, groups) = (self.behind().await.payloads, self.groups().await);
            if (behind, groups) == (payloads, 0) {
                return;
            }
            assert!(begun.elapsed() < SOON, "{behind} payloads of {payloads}, {groups} groups");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn close(&self) {
        self.database.close().await.unwrap();
    }
}

/// Why a stream cannot be opened.
pub(crate) async fn refusal(url: &str) -> String {
    match Opened::new(url).await {
        Ok(opened) => {
            opened.close().await;
            panic!("it was opened");
        }
        Err(error) => error.to_string(),
    }
}

/// Waits until this is true.
pub(crate) async fn becomes(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let begun = now();
    while !is_true().await {
        assert!(begun.elapsed() < SOON, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
