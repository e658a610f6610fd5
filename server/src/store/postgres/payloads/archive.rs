//! Payloads as received.

use uuid::Uuid;

use super::rows::{self, METADATA};
use super::{PostgresIntake, prune};
use crate::store::postgres::columns::{big, count, get, small_count};
use crate::store::replays::COUNTED_MAX;
use crate::store::{
    Answer, Archive, KeptPayload, PayloadId, PayloadMetadata, PayloadSpan, SpanCount,
};

/// How an upper limit of ids reads in a span that begins after one of them.
const SPAN: &str = "id >= $1 AND id <= $2 AND ($3 OR id > $1)";

/// One payload's metadata.
pub(crate) fn metadata_sql() -> String {
    format!("SELECT {METADATA} FROM payloads WHERE id = $1")
}

/// The payloads and events of a span.
pub(crate) const COUNT: &str = "SELECT count(*), coalesce(sum(events), 0) FROM \
     (SELECT events FROM payloads WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT $3) AS counted";

/// The ids and sizes of the payloads of a span.
pub(crate) fn page_sql() -> String {
    format!("SELECT id, unpacked_bytes FROM payloads WHERE {SPAN} ORDER BY id LIMIT $4")
}

impl Archive for PostgresIntake {
    fn metadata(&self, id: PayloadId) -> Answer<'_, Option<PayloadMetadata>> {
        Box::pin(self.database.read("read a payload's metadata", move |snapshot| {
            Box::pin(async move {
                let find = snapshot.prepare_cached(&metadata_sql()).await?;
                let row = snapshot.query_opt(&find, &[&id.0]).await?;
                row.as_ref().map(rows::metadata).transpose()
            })
        }))
    }

    fn count(&self, span: PayloadSpan) -> Answer<'_, SpanCount> {
        Box::pin(self.database.read("count payloads", move |snapshot| {
            Box::pin(async move {
                let counting = snapshot.prepare_cached(COUNT).await?;
                let (first, last, limit) = (span.first.0, span.last.0, big(COUNTED_MAX + 1));
                let row = snapshot.query_one(&counting, &[&first, &last, &limit]).await?;
                let (payloads, events) = (count(&row, 0)?, count(&row, 1)?);
                Ok(SpanCount { payloads, events, has_more: payloads > COUNTED_MAX })
            })
        }))
    }

    fn payloads(
        &self,
        span: PayloadSpan,
        after: Option<PayloadId>,
        payloads_max: u32,
        unpacked_bytes_max: u64,
    ) -> Answer<'_, Vec<KeptPayload>> {
        Box::pin(self.database.read("read payloads", move |snapshot| {
            Box::pin(async move {
                let first = after.unwrap_or(span.first).0;
                let (last, with_first, limit) = (span.last.0, after.is_none(), payloads_max);
                let find = snapshot.prepare_cached(&page_sql()).await?;
                let found =
                    snapshot.query(&find, &[&first, &last, &with_first, &i64::from(limit)]).await?;
                // Only the bodies that fit are read.
                let (mut ids, mut bytes) = (Vec::<Uuid>::new(), 0);
                for row in &found {
                    bytes += u64::from(small_count(row, 1)?);
                    if !ids.is_empty() && bytes > unpacked_bytes_max {
                        break;
                    }
                    ids.push(get(row, 0)?);
                }
                rows::bodies(snapshot, &ids).await
            })
        }))
    }

    fn prune(&self, before_ms: i64) -> Answer<'_, u64> {
        Box::pin(prune::prune(&self.database, &self.drops, before_ms))
    }
}
