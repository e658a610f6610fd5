//! Payloads as received, and the replays of them.

use rusqlite::{Connection, OptionalExtension};

use super::{SqliteIntake, queue, replays};
use crate::store::read_class::ReadClass;
use crate::store::sqlite::writer::step::Guard;
use crate::store::{
    Answer, Archive, KeptPayload, PayloadId, PayloadMetadata, PayloadSpan, Replay, ReplayId,
    Replayed, Replays, SpanCount,
};

impl Archive for SqliteIntake {
    fn metadata(&self, id: PayloadId) -> Answer<'_, Option<PayloadMetadata>> {
        Box::pin(self.readers.read(ReadClass::Page, "read a payload's metadata", move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, received_ms, key_id, source, encoding, events, unpacked_bytes, user_agent, origin, \
                     client FROM payloads WHERE id = ?1",
                )?
                .query_row([id.0.as_bytes().as_slice()], queue::metadata)
                .optional()
        }))
    }

    fn count(&self, span: PayloadSpan) -> Answer<'_, SpanCount> {
        let read = move |connection: &Connection| replays::count(connection, span);
        Box::pin(self.readers.read(ReadClass::Count, "count payloads", read))
    }

    fn payloads(
        &self,
        span: PayloadSpan,
        after: Option<PayloadId>,
        payloads_max: u32,
        unpacked_bytes_max: u64,
    ) -> Answer<'_, Vec<KeptPayload>> {
        Box::pin(self.readers.read(ReadClass::Work, "read payloads", move |connection| {
            replays::page(connection, span, after, (payloads_max, unpacked_bytes_max))
        }))
    }

    fn prune(&self, before_ms: i64) -> Answer<'_, u64> {
        Box::pin(self.writer.write("prune payloads", Guard::Alone, 0, move |connection, _| {
            queue::prune(connection, before_ms)
        }))
    }
}

impl Replays for SqliteIntake {
    fn begin(&self, span: PayloadSpan, now_ms: i64) -> Answer<'_, ReplayId> {
        Box::pin(self.writer.write("request a replay", Guard::Alone, 0, move |connection, _| {
            replays::begin(connection, span, now_ms)
        }))
    }

    fn list(&self) -> Answer<'_, Vec<Replay>> {
        Box::pin(self.readers.read(ReadClass::Summary, "list replays", replays::list))
    }

    fn next(&self) -> Answer<'_, Option<Replay>> {
        Box::pin(self.readers.read(ReadClass::Work, "find the next replay", replays::next))
    }

    fn advance(
        &self,
        replay: Replay,
        after: Option<PayloadId>,
        done: Replayed,
        ended_ms: Option<i64>,
    ) -> Answer<'_, bool> {
        Box::pin(self.writer.write(
            "record the progress of a replay",
            Guard::Alone,
            0,
            move |connection, _| replays::advance(connection, &replay, after, done, ended_ms),
        ))
    }
}
