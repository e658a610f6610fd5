//! NATS JetStream in front of the payload queues of databases.
//!
//! Intake publishes payloads to the stream and answers once most of its replicas have them on disk
//! (`publisher`). A drain per shard, on every server, moves them on to the shard's own queue
//! (`drain`). So intake goes on while a database is down, and everything that happens to a
//! payload afterwards stays in its database.
//!
//! The stream is at least once: a group may be published twice, delivered twice, and delivered to
//! two servers at the same time. [`PayloadQueue::stage_all`] makes that once.
//!
//! A cluster that may lose what it acknowledged is refused: at the start ([`open`]), and again
//! while the server runs (`watch`).

mod counts;
mod database;
mod drain;
pub mod group;
mod health;
mod judgement;
mod link;
mod monitor;
mod publisher;
mod queue;
mod settings;
mod url;
mod watch;

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{Database, PayloadQueue, WriterLimits};
use crate::system::entropy::Entropy;
use crate::system::supervisor::Supervisor;
use counts::DrainCounts;
use database::StreamDatabase;
use drain::Drain;
use health::{Health, Verdict};
use judgement::Judgement;
use link::Link;
use monitor::Monitors;
use publisher::Publisher;
use queue::StreamQueue;
use watch::Checks;

pub use url::{IntakeUrl, IntakeUrlError};

/// How many drains of a shard run on this server. While one waits for the database, the other takes
/// the next groups.
const DRAINS: usize = 2;
/// How long the start waits for a cluster that has no leader yet, or whose nodes are starting.
const START_MAX: Duration = Duration::from_secs(20);
const START_AGAIN: Duration = Duration::from_millis(500);

/// The cluster cannot take payloads.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no connection.
    #[error("connect to the intake stream at {nodes}: {why}")]
    Connect {
        /// The nodes of the URL.
        nodes: String,
        /// What went wrong.
        why: String,
    },
    /// The monitors cannot be asked.
    #[error("set up the requests to the monitors of NATS: {0}")]
    Monitors(String),
    /// The stream or a consumer cannot be made or read.
    #[error("prepare the intake stream at {nodes}: {why}")]
    Prepare {
        /// The nodes of the URL.
        nodes: String,
        /// What went wrong.
        why: String,
    },
    /// The cluster, or the stream, may lose what it acknowledges.
    #[error("use the intake stream at {nodes}, which must not lose a payload: {}", .faults.join(". "))]
    Unsafe {
        /// The nodes of the URL.
        nodes: String,
        /// What is wrong, where, and what to change.
        faults: Vec<String>,
    },
}

/// A stream that was opened.
pub struct OpenStream {
    /// The queue of each shard, with the stream in front of it.
    pub queues: Vec<(u16, Arc<dyn PayloadQueue>)>,
    /// The stream, and behind it the database that was given. Closing it ends the drains first.
    pub database: Arc<dyn Database>,
}

/// What drains and publishers are made with.
pub struct Parts<'p> {
    /// The database behind the stream, which is closed after it.
    pub database: Arc<dyn Database>,
    /// Makes the ids of groups.
    pub entropy: Arc<dyn Entropy>,
    /// How many bytes may wait to be published, for each shard.
    pub limits: WriterLimits,
    /// Stops the server when a task ends that should not.
    pub supervisor: &'p Supervisor,
}

/// Puts the stream of `url` in front of the queues of shards, each with its number. Everything runs
/// on the current runtime.
///
/// # Errors
/// [`OpenError`], when the cluster may lose payloads, or nobody knows whether it does.
pub async fn open(
    url: &IntakeUrl,
    shards: &[(u16, Arc<dyn PayloadQueue>)],
    parts: Parts<'_>,
) -> Result<OpenStream, OpenError> {
    let health = Arc::<Health>::default();
    let link = Arc::new(Link::connect(url, &health).await?);
    let checks = Arc::new(Checks {
        url: url.clone(),
        link: Arc::clone(&link),
        monitors: Monitors::new(url)?,
        health: Arc::clone(&health),
        known: Mutex::<HashSet<String>>::default(),
    });
    let connection = link.connection();
    prepare(url, shards, &checks).await?;
    health.set(Verdict::Safe { connection });
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (mut queues, mut publishers, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
    let spawn = |name: &str, task| parts.supervisor.spawn_keeper(name, &Handle::current(), task);
    for (shard, inner) in shards {
        let subject = url.subject(*shard);
        let (limits, supervisor) = (parts.limits, parts.supervisor);
        let publisher =
            Publisher::start(&link, &health, &parts.entropy, subject, limits, supervisor);
        let (publisher, counts) = (Arc::new(publisher), Arc::<DrainCounts>::default());
        for _ in 0..DRAINS {
            let drain = Drain {
                link: Arc::clone(&link),
                shard: *shard,
                queue: Arc::clone(inner),
                counts: Arc::clone(&counts),
                stop: stopped.clone(),
            };
            let drain: Task = Box::pin(drain.run());
            tasks.push(spawn("drain of the intake stream", drain));
        }
        publishers.push(Arc::clone(&publisher));
        let queue = StreamQueue {
            link: Arc::clone(&link),
            shard: *shard,
            publisher,
            counts,
            inner: Arc::clone(inner),
            last: Mutex::default(),
        };
        queues.push((*shard, Arc::new(queue) as Arc<dyn PayloadQueue>));
    }
    let checking: Task = Box::pin(checks.run(stopped));
    tasks.push(spawn("checks of the intake stream", checking));
    let (tasks, inner) = (Mutex::new(tasks), parts.database);
    let database = StreamDatabase { link, health, publishers, stop, tasks, inner };
    Ok(OpenStream { queues, database: Arc::new(database) })
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Checks the nodes, makes the stream and its consumers, and checks those that are there.
async fn prepare(
    url: &IntakeUrl,
    shards: &[(u16, Arc<dyn PayloadQueue>)],
    checks: &Checks,
) -> Result<(), OpenError> {
    let until = Instant::now() + START_MAX;
    check_nodes(url, checks, until).await?;
    if url.replicas == 1 {
        tracing::warn!(
            "the intake stream has one replica: payloads that were accepted and not stored yet are lost with its \
             disk, and none are accepted while its node is down"
        );
    }
    let prepare = |why| OpenError::Prepare { nodes: url.to_string(), why };
    let link = &checks.link;
    let mut faults = again(until, || link.prepare_stream()).await.map_err(prepare)?;
    for (shard, _) in shards {
        if !faults.is_empty() {
            break;
        }
        faults = again(until, || link.consumer(*shard)).await.map_err(prepare)?.1;
    }
    unless_faulty(url, faults)
}

async fn check_nodes(url: &IntakeUrl, checks: &Checks, until: Instant) -> Result<(), OpenError> {
    loop {
        // The stream is made only once the nodes are right.
        let Judgement { mut faults, at_start, joining, mut unknown, warnings } =
            checks.judge_nodes().await;
        faults.extend(at_start);
        unless_faulty(url, faults)?;
        unknown.extend(joining);
        if unknown.is_empty() {
            for why in warnings {
                tracing::warn!(why, "the intake stream is checked in part");
            }
            return Ok(());
        }
        if Instant::now() >= until {
            return unless_faulty(url, unknown);
        }
        tokio::time::sleep(START_AGAIN).await;
    }
}

fn unless_faulty(url: &IntakeUrl, faults: Vec<String>) -> Result<(), OpenError> {
    if faults.is_empty() {
        return Ok(());
    }
    Err(OpenError::Unsafe { nodes: url.to_string(), faults })
}

/// Tries until it succeeds or the time is over.
async fn again<T, F>(until: Instant, mut attempt: impl FnMut() -> F) -> Result<T, String>
where
    F: Future<Output = Result<T, String>>,
{
    loop {
        match attempt().await {
            Err(why) if Instant::now() < until => {
                tracing::debug!(why, "the intake stream is not ready yet");
                tokio::time::sleep(START_AGAIN).await;
            }
            ended => return ended,
        }
    }
}
