//! Which server leads: whose session holds an advisory lock.
//!
//! The lock ends with the session. A leader that dies or loses its connection loses it, and so does
//! one that is frozen: the database ends a session that asks nothing for a while. Before it does
//! that, the leader has stopped by itself, because what it last proved counts only for a shorter
//! while. So no two servers lead at the same time, as far as their clocks run at the same speed.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::connection::database::Database;
use super::connection::failure::{Failure, described};
use super::locks::Lock;

/// How often the leader proves that it still has the lock, and others try to take it.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// How long a proof counts, from before it was asked for.
const PROOF: Duration = Duration::from_secs(4);
/// How long connecting may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The database ends a session that asks nothing for longer than a proof counts, and one whose
/// machine is gone.
const SETUP: &str = "SET application_name = 'lamplight leader'; SET idle_session_timeout = '5s'; \
     SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3";
/// Also proves that the session is still there.
const IS_READ_ONLY: &str = "SELECT current_setting('transaction_read_only') = 'on'";

/// Whether this server leads.
#[derive(Debug, Default)]
pub(crate) struct Leadership {
    proof: Mutex<Option<Proof>>,
    is_closed: AtomicBool,
}

/// That a session held the lock.
#[derive(Debug)]
struct Proof {
    session: Arc<Client>,
    /// Until when it counts.
    until: Instant,
}

impl Leadership {
    /// Whether this server leads now.
    pub(crate) fn is_held(&self) -> bool {
        let proof = self.proof();
        !self.is_closed.load(Ordering::Acquire)
            && proof.as_ref().is_some_and(|it| Instant::now() < it.until && !it.session.is_closed())
    }

    /// Leads no more. The session ends soon after, with its lock.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    fn proof(&self) -> MutexGuard<'_, Option<Proof>> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prove(&self, session: &Arc<Client>, asked: Instant) {
        let proof = Proof { session: Arc::clone(session), until: asked + PROOF };
        if self.proof().replace(proof).is_none() {
            tracing::info!(
                "this server leads: it prunes, replays, and records trends and alerts for all"
            );
        }
    }

    fn lose(&self) {
        if self.proof().take().is_some() {
            tracing::warn!("this server leads no longer: another one may");
        }
    }

    /// Takes turns in leading until `open` is no more. Says on `tried` when the first try is over.
    pub(super) async fn run(
        self: Arc<Self>,
        database: Arc<Database>,
        mut open: watch::Receiver<bool>,
        tried: watch::Sender<bool>,
    ) {
        loop {
            tokio::select! {
                // There is no other value: this is the end of the sender.
                _ = open.changed() => break,
                failure = self.take_turns(&database, &tried) => {
                    let error = described(&failure);
                    tracing::debug!(error, "the session of the leader ended: beginning another");
                }
            }
            self.lose();
            tried.send_replace(true);
            tokio::select! {
                _ = open.changed() => break,
                () = tokio::time::sleep(ASK_EVERY) => {}
            }
        }
        self.proof().take();
    }

    /// Leads, or waits to, in one session. Returns why it ended.
    async fn take_turns(&self, database: &Database, tried: &watch::Sender<bool>) -> Failure {
        let client = match within(CONNECT_MAX, connect(database)).await {
            Ok(client) => Arc::new(client),
            Err(failure) => return failure,
        };
        let mut has_lock = false;
        loop {
            let asked = Instant::now();
            match within(ANSWER_MAX, holds(&client, has_lock)).await {
                Ok(holds) => has_lock = holds,
                Err(failure) => return failure,
            }
            if has_lock {
                self.prove(&client, asked);
            }
            tried.send_replace(true);
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

async fn connect(database: &Database) -> Result<Client, Failure> {
    let client = database.dedicated().await?;
    client.batch_execute(SETUP).await?;
    Ok(client)
}

/// Whether the session holds the lock, or takes it now.
async fn holds(session: &Client, has_lock: bool) -> Result<bool, Failure> {
    if session.query_one(IS_READ_ONLY, &[]).await?.try_get(0)? {
        // Another host may be the primary now, and its sessions know nothing of this lock.
        return Err(Failure::NoConnection("the host takes no writes".to_owned()));
    }
    Ok(has_lock || Lock::Leader.try_hold(session).await?)
}

async fn within<T>(
    max: Duration,
    asked: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let answered = tokio::time::timeout(max, asked).await;
    answered.unwrap_or_else(|_| Err(Failure::NoConnection(format!("no answer within {max:?}"))))
}
