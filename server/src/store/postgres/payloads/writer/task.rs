//! A task of the writer: it has a connection of its own and writes groups, one after another.
//!
//! When the connection breaks during a statement, nobody knows whether it was committed. So the
//! same group is written again: what is there already stays as it is. Only when that does not
//! succeed for some seconds are callers told that the database is down.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::Shared;
use super::stage::{self, Statements, Try};
use crate::store::StoreError;
use crate::store::postgres::connection::failure::{Failure, described};
use crate::store::postgres::connection::watch::PROBE;
use crate::store::postgres::notices::news::News;
use crate::store::postgres::partitions::{self, Kind};
use crate::store::postgres::payloads::queue::number;
use crate::store::share::share_of;
use crate::store::staging::Pending;

/// How long a group is written again whose outcome is unknown.
const TRIED_FOR: Duration = Duration::from_secs(5);
/// How long a statement, and connecting before it, takes at most. Whoever sent the payload waits
/// for that.
const STATEMENT_MAX: Duration = Duration::from_secs(8);
/// How often a group is written again that was in the way of other work.
const CONFLICTS_MAX: u32 = 20;
/// How often a group is written again before callers are told that the database is down. Single
/// connections break on their own, and so may the one that is made instead.
const BREAKS_MAX: u32 = 2;
/// How long to wait before the next try, at first and at most.
const AGAIN_MS: (u64, u64) = (50, 1_000);
/// How long to wait before a database that is down is asked again, at first and at most.
const ASK_MS: (u64, u64) = (250, 5_000);
const DOING: &str = "stage a payload";
/// A server that is frozen in a transaction holds its lane, and may share it with this connection.
/// The next connection has another lane, so it is made long before callers would be refused.
const LOCK_MAX: &str = "SET lock_timeout = '1s'";

/// A task of the writer.
pub(super) struct Task {
    shared: Arc<Shared>,
    number: usize,
    /// It is not used after an outage that it did not see.
    connection: Option<(Client, Statements)>,
    outages: watch::Receiver<u64>,
}

impl Task {
    pub(super) fn new(shared: Arc<Shared>, number: usize) -> Self {
        let outages = shared.outages.subscribe();
        Self { shared, number, connection: None, outages }
    }

    /// Writes whatever is queued until the queue is closed.
    pub(super) async fn run(mut self) {
        let _ended = Ended(Arc::clone(&self.shared));
        let shared = Arc::clone(&self.shared);
        // It may have been down from the beginning.
        self.recover().await;
        loop {
            let group = tokio::select! {
                group = shared.queue.next_group() => group,
                Ok(()) = self.outages.changed() => {
                    self.connection = None;
                    continue;
                }
            };
            let Some(group) = group else { return };
            self.shared.mark(self.number, Some(Instant::now()));
            self.write(group).await;
            self.shared.queue.written();
            self.shared.mark(self.number, None);
            if !self.shared.is_up() {
                self.recover().await;
            }
        }
    }

    /// Writes a group and answers everyone in it. If one of its payloads cannot be stored, only
    /// that one fails.
    async fn write(&mut self, group: Vec<Pending>) {
        match self.commit(&group).await {
            Ok(()) => answer_all(group, &Ok(())),
            Err(Failed::Down) => answer_all(group, &Err(self.shared.bytes.down())),
            Err(Failed::Refused(error)) if group.len() == 1 => answer_all(group, &Err(error)),
            Err(Failed::Refused(error)) => {
                let payloads = group.len();
                tracing::warn!(%error, payloads, "failed to stage a group: staging one by one");
                for pending in group {
                    let outcome = match self.commit(std::slice::from_ref(&pending)).await {
                        Ok(()) => Ok(()),
                        Err(Failed::Down) => Err(self.shared.bytes.down()),
                        Err(Failed::Refused(error)) => Err(error),
                    };
                    pending.answer(outcome);
                }
            }
        }
    }

    /// Commits a group, in several tries if necessary.
    async fn commit(&mut self, group: &[Pending]) -> Result<(), Failed> {
        let count = i64::try_from(group.len()).unwrap_or(i64::MAX);
        let share = share_of(self.shared.staged.fetch_add(count, Ordering::Relaxed));
        // The monotonic clock, not the clock port: it measures how long the database takes.
        let first = Instant::now();
        let (mut conflicts, mut outages, mut wait_ms) = (0, 0, AGAIN_MS.0);
        let mut next = Try::First;
        loop {
            let begun = Instant::now();
            let attempt = self.attempt(group, share, next);
            let tried = tokio::time::timeout(STATEMENT_MAX, attempt).await;
            let tried = tried.unwrap_or_else(|_| {
                Err(Failure::NoConnection(format!("no answer within {STATEMENT_MAX:?}")))
            });
            let Err(failure) = tried else {
                self.committed(group, share, begun);
                return Ok(());
            };
            if std::mem::replace(&mut next, Try::Again) == Try::First && failure.is_already_there()
            {
                continue;
            }
            if failure.is_conflict() && conflicts < CONFLICTS_MAX {
                conflicts += 1;
                // Its week's partition may be gone: retention of any server removes them.
                self.shared.database.partitions.forget();
            } else if failure.is_outage() || failure.is_delay() || failure.is_internal() {
                outages += 1;
                self.connection = None;
                self.shared.metrics.failed();
                if failure.is_outage() {
                    self.shared.count_outage();
                }
                let is_down = outages > BREAKS_MAX;
                // A frozen server may hold the lanes of more than one connection.
                if is_down && !failure.is_locked_out() {
                    self.shared.set_up(false);
                }
                let ends = self.shared.queue.is_closed() && is_down;
                if ends || first.elapsed() > TRIED_FOR {
                    self.shared.set_up(false);
                    let (error, payloads) = (described(&failure), group.len());
                    tracing::error!(error, payloads, "failed to stage: the database is down");
                    return Err(Failed::Down);
                }
            } else {
                return Err(Failed::Refused(StoreError::database(DOING, failure)));
            }
            tracing::debug!(error = %described(&failure), "a group is staged again");
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            wait_ms = (wait_ms * 2).min(AGAIN_MS.1);
        }
    }

    async fn attempt(&mut self, group: &[Pending], share: u32, tried: Try) -> Result<(), Failure> {
        for week in stage::weeks(group) {
            partitions::ensure(&self.shared.database, Kind::Payloads, week).await?;
        }
        // An error means that there is no sender, which `self` holds.
        if self.outages.has_changed().unwrap_or(false) {
            self.outages.mark_unchanged();
            self.connection = None;
        }
        // Taken while it is in use: if this future is dropped, so is the connection.
        let (client, statements) = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let written = stage::write(&client, &statements, tried, group, number(share)).await;
        self.connection = Some((client, statements));
        written
    }

    async fn connect(&self) -> Result<(Client, Statements), Failure> {
        // Whatever it refuses here, such as a password, is not the fault of a payload.
        let refused = |error: Failure| Failure::NoConnection(described(&error));
        let client = self.shared.database.dedicated().await.map_err(refused)?;
        client.batch_execute(LOCK_MAX).await.map_err(|error| refused(error.into()))?;
        let statements = Statements::prepare(&client).await.map_err(refused)?;
        Ok((client, statements))
    }

    fn committed(&self, group: &[Pending], share: u32, begun: Instant) {
        let (shared, took) = (&self.shared, begun.elapsed());
        shared.set_up(true);
        shared.metrics.group.observe(took);
        shared.metrics.committed(group.len() as u64);
        shared.notices.staged.wake(share);
        shared.notices.publish(News::Staged);
        // How long a full queue takes to drain at the rate of this commit.
        let bytes: u64 = group.iter().map(Pending::bytes).sum();
        let commits = shared.bytes.now() / bytes.max(64 * 1024);
        let seconds = took.as_millis().saturating_mul(u128::from(commits)) / 1_000;
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX).clamp(1, 30);
        shared.bytes.set_retry_after_s(seconds);
    }

    /// Refuses what is queued, and asks the database until it takes writes again.
    async fn recover(&mut self) {
        let mut wait_ms = ASK_MS.0;
        while !self.shared.is_up() && !self.shared.queue.is_closed() {
            // Tells callers when the next attempt is.
            let seconds = u32::try_from(wait_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
            self.shared.bytes.set_retry_after_s(seconds);
            self.refuse_queued();
            let wait = Duration::from_millis(wait_ms);
            drop(tokio::time::timeout(wait, self.shared.queue.closed()).await);
            match tokio::time::timeout(STATEMENT_MAX, self.probe()).await {
                Ok(Ok(())) => self.shared.set_up(true),
                Ok(Err(error)) => {
                    tracing::debug!(error = %described(&error), "the database is still down");
                }
                Err(_) => tracing::debug!("the database does not answer"),
            }
            wait_ms = (wait_ms * 2).min(ASK_MS.1);
        }
        if !self.shared.is_up() {
            self.refuse_queued();
        }
    }

    fn refuse_queued(&self) {
        for pending in self.shared.queue.take_all() {
            pending.answer(Err(self.shared.bytes.down()));
        }
    }

    /// A new connection that has proven a write.
    async fn probe(&mut self) -> Result<(), Failure> {
        self.connection = None;
        let (client, statements) = self.connect().await?;
        // Fails in a standby. Writes a row, so it also fails where the disk is full.
        client.execute(PROBE, &[]).await?;
        self.connection = Some((client, statements));
        Ok(())
    }
}

/// Why a group was not committed.
enum Failed {
    /// Nothing can be written now.
    Down,
    /// The database does not take this.
    Refused(StoreError),
}

fn answer_all(group: Vec<Pending>, outcome: &Result<(), StoreError>) {
    for pending in group {
        pending.answer(outcome.clone());
    }
}

/// Refuses everything once a task ends, also by a panic.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.queue.close();
        if std::thread::panicking() {
            self.0.is_up.store(false, Ordering::Release);
            drop(self.0.queue.take_all());
        }
    }
}
