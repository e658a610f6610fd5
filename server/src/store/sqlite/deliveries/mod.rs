//! The delivery queue in `store.db`.

pub(crate) mod dead_letters;
pub(crate) mod queue;
pub(crate) mod routed;
mod sink_list;
pub(crate) mod sinks;

use tokio::sync::watch;

use super::store::SqliteStore;
use super::weeks::files::StoreFiles;
use super::writer::step::Guard;
use crate::store::Lease;
use crate::store::read_class::ReadClass;
use crate::store::tally::settlement_change;
use crate::store::{
    Answer, BackfillAsk, BackfillCount, DeadLetter, DeadLetterQuery, DeliveryAsk, DeliveryQueue,
    DeliveryStep, DiscardAsk, LeasedDelivery, RetryAsk, RetryCount, RowId, Settlement, SinkRow,
    StoreError,
};

impl DeliveryQueue for SqliteStore {
    fn lease(&self, ask: DeliveryAsk) -> Answer<'_, (Lease, Vec<LeasedDelivery>)> {
        Box::pin(async move {
            let lease = ask.lease();
            let taken = self.writer.write("lease deliveries", Guard::Alone, 0, move |files, _| {
                queue::lease(files, &ask)
            });
            let taken = taken.await?;
            if taken.is_empty() {
                return Ok((lease, Vec::new()));
            }
            // Read on another connection, so that the writer does not wait.
            let read =
                self.readers.read(ReadClass::Work, "read leased deliveries", move |reading| {
                    queue::read(reading, &taken)
                });
            Ok((lease, read.await?))
        })
    }

    fn settle(&self, settlement: Settlement) -> Answer<'_, ()> {
        let settled = self.writer.write(
            "settle deliveries",
            Guard::Alone,
            0,
            move |connection: &mut StoreFiles, _| {
                if settlement.now_ms >= settlement.lease.until_ms {
                    return Ok(Err(StoreError::LeaseLost));
                }
                connection.prepare_cached("SAVEPOINT settle")?.execute([])?;
                let is_held = queue::settle(connection, &settlement)?;
                if !is_held {
                    connection.prepare_cached("ROLLBACK TO settle")?.execute([])?;
                }
                connection.prepare_cached("RELEASE settle")?.execute([])?;
                let failed = settlement_change(&settlement);
                if is_held && !failed.seen.is_empty() {
                    let StoreFiles { store, tallies, .. } = connection;
                    tallies.add(store, failed)?;
                }
                Ok(if is_held { Ok(()) } else { Err(StoreError::LeaseLost) })
            },
        );
        Box::pin(async move { settled.await? })
    }

    fn pause_sink(&self, sink: String, pause: bool, now_ms: i64) -> Answer<'_, bool> {
        Box::pin(self.writer.write("pause a sink", Guard::Alone, 0, move |connection, change| {
            change.deliveries += 1;
            sinks::pause(connection, &sink, pause.then_some(now_ms))
        }))
    }

    fn retry_dead(&self, ask: RetryAsk) -> Answer<'_, RetryCount> {
        if ask.dry_run {
            return Box::pin(self.readers.read(
                ReadClass::Count,
                "count dead letters",
                move |connection| dead_letters::retry(connection, &ask),
            ));
        }
        Box::pin(self.writer.write(
            "retry dead letters",
            Guard::Alone,
            0,
            move |connection, change| {
                change.deliveries += 1;
                dead_letters::retry(connection, &ask)
            },
        ))
    }

    fn discard_dead(&self, ask: DiscardAsk) -> Answer<'_, RetryCount> {
        if ask.letters.dry_run {
            return Box::pin(self.readers.read(
                ReadClass::Count,
                "count dead letters",
                move |connection| dead_letters::discard(connection, &ask),
            ));
        }
        Box::pin(self.writer.write(
            "discard dead letters",
            Guard::Alone,
            0,
            move |connection, _| dead_letters::discard(connection, &ask),
        ))
    }

    fn dead_letters(&self, query: DeadLetterQuery) -> Answer<'_, Vec<DeadLetter>> {
        Box::pin(self.readers.read(ReadClass::Page, "list dead letters", move |connection| {
            dead_letters::page(connection, &query)
        }))
    }

    fn backfill(&self, ask: BackfillAsk) -> Answer<'_, Option<BackfillCount>> {
        let found = self.routes.all().iter().enumerate().find(|(_, route)| route.sink == ask.sink);
        let Some((at, route)) = found else { return Box::pin(async { Ok(None) }) };
        let (deliveries, routes) = (ask.deliveries(at, route), self.routes.clone());
        Box::pin(async move {
            let owed = deliveries.clone();
            let added = if ask.dry_run {
                self.readers
                    .read(ReadClass::Count, "count a backfill", move |reading| {
                        routed::count_new(reading, &owed, &routes)
                    })
                    .await?
            } else {
                let now_ms = ask.now_ms;
                let adding = self.writer.write(
                    "queue past events",
                    Guard::Alone,
                    0,
                    move |connection, change| {
                        let added = routed::add(connection, &owed, &routes, now_ms, now_ms.max(1))?;
                        change.deliveries += added.queued;
                        Ok(added)
                    },
                );
                adding.await?
            };
            let [queued, private] = [added.queued, added.dropped].map(i64::unsigned_abs);
            Ok(Some(ask.count(&deliveries, queued, private)))
        })
    }

    fn sinks(&self) -> Answer<'_, Vec<SinkRow>> {
        Box::pin(
            self.readers.read(ReadClass::Summary, "read the sinks", |connection| {
                sink_list::all(connection)
            }),
        )
    }

    fn steps(&self, event: RowId) -> Answer<'_, Vec<DeliveryStep>> {
        Box::pin(self.readers.read(ReadClass::Page, "trace deliveries", move |connection| {
            queue::steps(connection, event)
        }))
    }

    fn queued(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }
}
