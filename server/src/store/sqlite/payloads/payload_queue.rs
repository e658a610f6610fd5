//! The queue of payloads, as the stages of the server use it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, params};

use super::kept_body::{self, KeptBody};
use super::{SqliteIntake, queue, set_aside, unprocessed};
use crate::store::read_class::ReadClass;
use crate::store::share::{SHARES, share_of};
use crate::store::sqlite::writer::step::{Change, Guard};
use crate::store::{
    Answer, Backlog, ExhaustedPayload, FailedPayload, Lease, LeaseAsk, LeasedPayload, NewPayload,
    PayloadId, PayloadMetadata, PayloadQueue, PayloadState, SetAsidePayload, SetAsideSums,
    StoreError, Ticket, Unprocessed, WorkerSlot,
};

impl PayloadQueue for SqliteIntake {
    fn stage(&self, payload: NewPayload) -> Answer<'_, ()> {
        let row = PayloadRow::of(payload);
        Box::pin(self.writer.write(
            "stage a payload",
            Guard::Shared,
            row.bytes(),
            move |connection, change| stage(connection, &row, change),
        ))
    }

    fn stage_all(&self, payloads: Vec<NewPayload>) -> Answer<'_, ()> {
        let rows: Vec<_> = payloads.into_iter().map(PayloadRow::of).collect();
        let bytes = rows.iter().map(PayloadRow::bytes).sum();
        Box::pin(self.writer.write(
            "stage payloads",
            Guard::Alone,
            bytes,
            move |connection, change| {
                for row in &rows {
                    if !is_known(connection, row.metadata.id)? {
                        stage(connection, row, change)?;
                    }
                }
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
            move |connection| set_aside::page(connection, false, after, limit),
        ))
    }

    fn list_discarded(
        &self,
        after: Option<PayloadId>,
        limit: u32,
    ) -> Answer<'_, Vec<SetAsidePayload>> {
        Box::pin(self.readers.read(
            ReadClass::Page,
            "list payloads that were discarded",
            move |connection| set_aside::page(connection, true, after, limit),
        ))
    }

    fn discard(&self, id: PayloadId, now_ms: i64) -> Answer<'_, bool> {
        self.mark_discarded(id, Some(now_ms))
    }

    fn restore(&self, id: PayloadId) -> Answer<'_, bool> {
        self.mark_discarded(id, None)
    }

    fn state(&self, id: PayloadId) -> Answer<'_, Option<PayloadState>> {
        Box::pin(self.readers.read(ReadClass::Page, "find a payload", move |connection| {
            unprocessed::state(connection, id)
        }))
    }

    fn unprocessed(&self, payloads_max: u32, unpacked_bytes_max: u64) -> Answer<'_, Unprocessed> {
        Box::pin(self.readers.read(
            ReadClass::Page,
            "read unprocessed payloads",
            move |connection| unprocessed::page(connection, payloads_max, unpacked_bytes_max),
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
                let oldest_ms = set_aside::oldest_ms(connection)?;
                Ok((queue::backlog(connection)?, oldest_ms, set_aside::discarded(connection)?))
            });
            let (rest, oldest_ms, discarded) = read.await?;
            let set_aside = SetAsideSums { payloads: aside.0, events: aside.1, oldest_ms };
            Ok(Backlog { payloads, events, set_aside, discarded, ..rest })
        })
    }

    fn workers_max(&self) -> u32 {
        SHARES
    }

    fn staged(&self, worker: WorkerSlot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.staged.staged(worker))
    }
}

impl SqliteIntake {
    fn mark_discarded(&self, id: PayloadId, discarded_ms: Option<i64>) -> Answer<'_, bool> {
        Box::pin(self.writer.write(
            "discard a payload, or restore it",
            Guard::Alone,
            0,
            move |connection, change| {
                let Some(events) = set_aside::mark_discarded(connection, id, discarded_ms)? else {
                    return Ok(false);
                };
                let sign = if discarded_ms.is_some() { -1 } else { 1 };
                change.set_aside += sign;
                change.set_aside_events += sign * events;
                Ok(true)
            },
        ))
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

/// A payload as `payloads` keeps it.
struct PayloadRow {
    metadata: PayloadMetadata,
    body: KeptBody,
}

impl PayloadRow {
    /// Compresses the body, if that makes it smaller: here, and not in the thread of the writer,
    /// which all payloads pass.
    fn of(payload: NewPayload) -> Self {
        let NewPayload { metadata, body, .. } = payload;
        Self { body: KeptBody::of(metadata.encoding, body), metadata }
    }

    /// About what it takes.
    fn bytes(&self) -> u64 {
        self.body.bytes.len() as u64 + 512
    }
}

fn is_known(connection: &Connection, id: PayloadId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM payloads WHERE id = ?1")?
        .exists([id.0.as_bytes().as_slice()])
}

/// Appends a payload.
fn stage(connection: &Connection, row: &PayloadRow, change: &mut Change) -> rusqlite::Result<()> {
    let PayloadRow { metadata, body } = row;
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
            body.encoding,
            metadata.events,
            metadata.unpacked_bytes,
            metadata.user_agent,
            metadata.origin,
            metadata.client,
            body.bytes.as_ref(),
        ])?;
    let position = connection.last_insert_rowid();
    queue::push(connection, position, metadata)?;
    change.staged_shares |= 1 << share_of(position);
    change.payloads += 1;
    change.events += i64::from(metadata.events);
    Ok(())
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
                body: kept_body::read(row)?,
            })
        })
}
