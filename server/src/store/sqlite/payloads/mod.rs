//! `intake.db`: raw payloads, and the queue of those that wait to be processed.

mod archive;
mod open;
pub(crate) mod queue;
pub(crate) mod replays;
pub(crate) mod set_aside;
pub(crate) mod share;

use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use rusqlite::{Connection, params};
use tokio::sync::Notify;

use super::file::checkpoint::{Checkpointer, Logs};
use super::file::connection::{Step, check_current, migrate, open_reader};
use super::file::read_class::ReadClass;
use super::file::readers::Readers;
use super::writer::handle::Writer;
use super::writer::step::{Change, Guard, Host, WriterLimits};
use super::{OpenError, Opening};
use crate::metrics::commits::CommitSums;
use crate::store::Lease;
use crate::store::{
    Answer, Backlog, Database, ExhaustedPayload, FailedPayload, LeaseAsk, LeasedPayload,
    NewPayload, PayloadId, PayloadQueue, SetAsidePayload, SetAsideSums, StoreError, Ticket,
    WorkerSlot,
};
use crate::system::supervisor::Supervisor;
use open::open_to_write;
use share::SHARES;

pub(crate) const SCHEMA: [Step; 3] = [
    ("V1__payloads", include_str!("../../../../migrations/sqlite/intake/V1__payloads.sql")),
    ("V2__shares", include_str!("../../../../migrations/sqlite/intake/V2__shares.sql")),
    ("V3__set_aside", include_str!("../../../../migrations/sqlite/intake/V3__set_aside.sql")),
];

/// Wakes the worker that waits for a share.
type Wakers = Arc<[Notify; SHARES as usize]>;

/// The size of the queue, as of the last commit.
#[derive(Debug, Default)]
struct Gauges {
    payloads: AtomicI64,
    events: AtomicI64,
    set_aside: AtomicI64,
    set_aside_events: AtomicI64,
}

/// The embedded payload queue, archive and replays.
#[derive(Debug)]
pub struct SqliteIntake {
    writer: Writer<Connection>,
    readers: Readers,
    gauges: Arc<Gauges>,
    staged: Wakers,
    checkpointer: Mutex<Option<Checkpointer>>,
}

impl SqliteIntake {
    /// Opens the database, or creates it. Releases the leases of an earlier process: it has ended,
    /// because this one holds the lock on the data directory.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        path: &Path,
        limits: WriterLimits,
        supervisor: &Supervisor,
    ) -> Result<Self, OpenError> {
        Self::open_as(path, limits, &Opening::Serve(Vec::new()), supervisor)
    }

    /// Opens the database for a purpose.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open_as(
        path: &Path,
        limits: WriterLimits,
        opening: &Opening,
        supervisor: &Supervisor,
    ) -> Result<Self, OpenError> {
        let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
        let gauges = Arc::new(Gauges::default());
        let staged = Wakers::default();
        let host = IntakeHost {
            path: path.to_owned(),
            gauges: Arc::clone(&gauges),
            staged: Arc::clone(&staged),
        };
        let connection = if opening.only_reads() {
            let connection = open_reader(path).map_err(sqlite)?;
            check_current(&connection, path, &SCHEMA)?;
            connection
        } else {
            let mut connection = open_to_write(path)?;
            migrate(&mut connection, path, &SCHEMA)?;
            queue::release_all(&connection).map_err(sqlite)?;
            connection
        };
        host.count(&connection).map_err(sqlite)?;
        let thread = |source| OpenError::Thread { path: path.to_owned(), source };
        let writer = Writer::start("writer of intake.db", limits, connection, host, supervisor)
            .map_err(thread)?;
        let checkpointer = if opening.only_reads() {
            None
        } else {
            let (name, logs) = ("checkpointer of intake.db", Logs::Of(path.to_owned()));
            Some(Checkpointer::start(name, logs, supervisor).map_err(thread)?)
        };
        let (readers, checkpointer) = (Readers::new(path.to_owned()), Mutex::new(checkpointer));
        Ok(Self { writer, readers, gauges, staged, checkpointer })
    }
}

struct IntakeHost {
    path: PathBuf,
    gauges: Arc<Gauges>,
    staged: Wakers,
}

impl IntakeHost {
    fn count(&self, connection: &Connection) -> rusqlite::Result<()> {
        let (payloads, events) = queue::count(connection)?;
        self.gauges.payloads.store(payloads, Ordering::Relaxed);
        self.gauges.events.store(events, Ordering::Relaxed);
        let (payloads, events) = set_aside::count(connection)?;
        self.gauges.set_aside.store(payloads, Ordering::Relaxed);
        self.gauges.set_aside_events.store(events, Ordering::Relaxed);
        Ok(())
    }
}

impl Host for IntakeHost {
    type Target = Connection;
    /// Clients wait for what it writes.
    const LOWERS_PRIORITY: bool = false;

    fn open(&mut self) -> Result<Connection, OpenError> {
        let connection = open_to_write(&self.path)?;
        // A checkpoint writes and syncs both files, so it proves that the disk takes writes.
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .and_then(|()| self.count(&connection))
            .map_err(|source| OpenError::Sqlite { path: self.path.clone(), source })?;
        Ok(connection)
    }

    fn committed(&mut self, change: Change) {
        self.gauges.payloads.fetch_add(change.payloads, Ordering::Relaxed);
        self.gauges.events.fetch_add(change.events, Ordering::Relaxed);
        self.gauges.set_aside.fetch_add(change.set_aside, Ordering::Relaxed);
        self.gauges.set_aside_events.fetch_add(change.set_aside_events, Ordering::Relaxed);
        for (share, staged) in (0..).zip(self.staged.iter()) {
            if change.staged_shares & 1 << share != 0 {
                staged.notify_one();
            }
        }
    }
}

impl PayloadQueue for SqliteIntake {
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()> {
        // About what the row takes beside its body.
        let bytes = payload.body.len() as u64 + 512;
        Box::pin(self.writer.write(
            "stage a payload",
            Guard::Shared,
            bytes,
            move |connection, change| {
                change.staged_shares |= 1 << stage(connection, &payload)?;
                change.payloads += 1;
                change.events += i64::from(payload.metadata.events);
                Ok(())
            },
        ))
    }

    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>> {
        Box::pin(async move {
            let taken =
                self.writer.write("lease payloads", Guard::Alone, 0, move |connection, _| {
                    queue::lease(connection, ask)
                });
            let taken = taken.await?;
            if taken.is_empty() {
                return Ok(Vec::new());
            }
            // Read on another connection, so that the writer does not wait.
            self.readers
                .read(ReadClass::Work, "read leased payloads", move |connection| {
                    taken.into_iter().map(|taken| read_leased(connection, ask, taken)).collect()
                })
                .await
        })
    }

    fn settle(&self, lease: Lease, tickets: Vec<Ticket>, now_ms: i64) -> Answer<'_, ()> {
        let settled =
            self.writer.write("settle payloads", Guard::Alone, 0, move |connection, change| {
                let Some(positions) = held(connection, lease, tickets.iter(), now_ms)? else {
                    return Ok(Err(StoreError::LeaseLost));
                };
                for position in positions {
                    change.payloads -= 1;
                    change.events -= queue::settle(connection, lease, position)?;
                }
                Ok(Ok(()))
            });
        Box::pin(async move { settled.await? })
    }

    fn release(&self, lease: Lease, failed: Vec<FailedPayload>, now_ms: i64) -> Answer<'_, ()> {
        let released =
            self.writer.write("release payloads", Guard::Alone, 0, move |connection, _| {
                let tickets = failed.iter().map(|failed| &failed.ticket);
                let Some(positions) = held(connection, lease, tickets, now_ms)? else {
                    return Ok(Err(StoreError::LeaseLost));
                };
                for (position, failed) in positions.into_iter().zip(&failed) {
                    queue::release(connection, lease, position, failed)?;
                }
                Ok(Ok(()))
            });
        Box::pin(async move { released.await? })
    }

    fn set_aside(
        &self,
        lease: Lease,
        exhausted: Vec<ExhaustedPayload>,
        now_ms: i64,
    ) -> Answer<'_, ()> {
        let moved =
            self.writer.write("set payloads aside", Guard::Alone, 0, move |connection, change| {
                let tickets = exhausted.iter().map(|payload| &payload.ticket);
                let Some(positions) = held(connection, lease, tickets, now_ms)? else {
                    return Ok(Err(StoreError::LeaseLost));
                };
                for (position, payload) in positions.into_iter().zip(&exhausted) {
                    set_aside::insert(connection, lease, position, &payload.error, now_ms)?;
                    let events = queue::settle(connection, lease, position)?;
                    change.payloads -= 1;
                    change.events -= events;
                    change.set_aside += 1;
                    change.set_aside_events += events;
                }
                Ok(Ok(()))
            });
        Box::pin(async move { moved.await? })
    }

    fn list_set_aside(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        Box::pin(self.readers.read(
            ReadClass::Page,
            "list payloads that are set aside",
            move |connection| set_aside::page(connection, after, limit),
        ))
    }

    fn retry(&self, id: PayloadId, now_ms: i64) -> Answer<'_, bool> {
        Box::pin(self.writer.write(
            "retry a payload that is set aside",
            Guard::Alone,
            0,
            move |connection, change| {
                let Some(events) = set_aside::put_back(connection, id, now_ms)? else {
                    return Ok(false);
                };
                change.payloads += 1;
                change.events += events;
                change.set_aside -= 1;
                change.set_aside_events -= events;
                Ok(true)
            },
        ))
    }

    fn backlog(&self) -> Answer<'_, Backlog> {
        let count = |gauge: &AtomicI64| u64::try_from(gauge.load(Ordering::Relaxed)).unwrap_or(0);
        let (payloads, events) = (count(&self.gauges.payloads), count(&self.gauges.events));
        let aside = (count(&self.gauges.set_aside), count(&self.gauges.set_aside_events));
        Box::pin(async move {
            let read = self.readers.read(ReadClass::Summary, "read the queue", |connection| {
                Ok((queue::backlog(connection)?, set_aside::oldest_ms(connection)?))
            });
            let (rest, oldest_ms) = read.await?;
            let set_aside = SetAsideSums { payloads: aside.0, events: aside.1, oldest_ms };
            Ok(Backlog { payloads, events, set_aside, ..rest })
        })
    }

    fn workers_max(&self) -> u32 {
        SHARES
    }

    fn staged(&self, worker: WorkerSlot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let wakers = (0..).zip(self.staged.iter());
        let mut waits: Vec<_> = wakers
            .filter(|(share, _)| worker.owns(*share))
            .map(|(_, staged)| Box::pin(staged.notified()))
            .collect();
        Box::pin(poll_fn(move |context| {
            // Poll every one: each must register the waker.
            let woken = waits.iter_mut().filter_map(|wait| match wait.as_mut().poll(context) {
                Poll::Ready(()) => Some(()),
                Poll::Pending => None,
            });
            if woken.count() > 0 { Poll::Ready(()) } else { Poll::Pending }
        }))
    }
}

impl Database for SqliteIntake {
    fn is_up(&self) -> bool {
        self.writer.is_up()
    }

    fn commits(&self) -> CommitSums {
        self.writer.commits()
    }

    fn close(&self) -> Answer<'_, ()> {
        self.readers.close();
        self.checkpointer.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(self.writer.close())
    }
}

/// The positions of `tickets`, if `lease` is still valid and holds every one of them.
fn held<'a>(
    connection: &Connection,
    lease: Lease,
    tickets: impl Iterator<Item = &'a Ticket>,
    now_ms: i64,
) -> rusqlite::Result<Option<Vec<i64>>> {
    if now_ms >= lease.until_ms { Ok(None) } else { queue::held(connection, lease, tickets) }
}

/// Appends a payload. Returns its share.
fn stage(connection: &Connection, payload: &NewPayload) -> rusqlite::Result<u32> {
    let metadata = &payload.metadata;
    connection
        .prepare_cached(
            "INSERT INTO payloads (id, received_ms, key_id, source, encoding, events, unpacked_bytes, user_agent, \
             origin, client, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            metadata.id.0.as_bytes().as_slice(),
            metadata.received_ms,
            metadata.key_id,
            metadata.source,
            metadata.encoding.name(),
            metadata.events,
            metadata.unpacked_bytes,
            metadata.user_agent,
            metadata.origin,
            metadata.client,
            payload.body.as_ref(),
        ])?;
    let position = connection.last_insert_rowid();
    queue::push(connection, position, metadata)?;
    Ok(share::share_of(position))
}

fn read_leased(
    connection: &Connection,
    ask: LeaseAsk,
    taken: queue::LeasedRow,
) -> rusqlite::Result<LeasedPayload> {
    connection
        .prepare_cached(
            "SELECT id, received_ms, key_id, source, encoding, events, unpacked_bytes, user_agent, origin, client, \
             body FROM payloads WHERE position = ?1",
        )?
        .query_row([taken.position], |row| {
            Ok(LeasedPayload {
                lease: queue::lease_of(ask),
                ticket: queue::ticket(taken.position),
                attempts: taken.attempts,
                own_failures: taken.own_failures,
                metadata: queue::metadata(row)?,
                body: row.get::<_, Vec<u8>>(10)?.into(),
            })
        })
}
