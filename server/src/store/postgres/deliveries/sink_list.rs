//! Sinks as they are listed.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use crate::store::postgres::columns::{count, get, text, text_or_null};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::shards::hidden;
use crate::store::shard_view::ShardView;
use crate::store::{FAILING_MAX, SinkRow};

/// Every sink, with the sums of its counts. What waits longest and what fails have an index each.
pub(crate) const LIST: &str = "SELECT name, kind, is_configured, paused_ms, stopped, rests_until_ms, rests_why, \
     coalesce(waiting, 0), coalesce(sent, 0), coalesce(dead, 0), coalesce(dropped, 0), coalesce(discarded, 0), \
     (SELECT queued_ms FROM delivery_queue WHERE sink = sinks.id ORDER BY queued_ms LIMIT 1), \
     (SELECT count(*) FROM (SELECT FROM delivery_queue WHERE sink = sinks.id AND steps > 1 ORDER BY event_id LIMIT $1) \
     AS failing) \
     FROM sinks LEFT JOIN (SELECT sink, sum(waiting)::bigint AS waiting, sum(sent)::bigint AS sent, \
     sum(dead)::bigint AS dead, sum(dropped)::bigint AS dropped, sum(discarded)::bigint AS discarded \
     FROM sink_counts GROUP BY sink) AS counts ON counts.sink = sinks.id";

/// Those that fail, but for events that another shard shows.
const SHOWN: &str = "steps > 1 AND NOT EXISTS (SELECT FROM events AS e WHERE e.id = delivery_queue.event_id \
     AND e.bucket = ANY ($2))";

/// Every sink, by name.
pub(super) async fn all(snapshot: &Transaction<'_>) -> Result<Vec<SinkRow>, Failure> {
    let failing_max = i64::from(FAILING_MAX);
    let rows = match ShardView::hidden_of_read() {
        None => {
            let list = snapshot.prepare_cached(LIST).await?;
            snapshot.query(&list, &[&failing_max]).await?
        }
        Some(hidden) => {
            let list = snapshot.prepare_cached(&LIST.replace("steps > 1", SHOWN)).await?;
            snapshot.query(&list, &[&failing_max, &*hidden.buckets]).await?
        }
    };
    let mut sinks = rows.iter().map(sink_row).collect::<Result<Vec<_>, _>>()?;
    if let Some(counts) = hidden::counts(snapshot).await? {
        for sink in &mut sinks {
            counts.take_from_sink(sink);
        }
    }
    // Not by the database, whose order of texts is that of a language.
    sinks.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(sinks)
}

fn sink_row(row: &Row) -> Result<SinkRow, Failure> {
    let until_ms: Option<i64> = get(row, 5)?;
    Ok(SinkRow {
        name: text(row, 0)?,
        kind: text(row, 1)?,
        is_configured: get(row, 2)?,
        paused_ms: get(row, 3)?,
        stopped: text_or_null(row, 4)?,
        rests: until_ms.zip(text_or_null(row, 6)?),
        waiting: count(row, 7)?,
        sent: count(row, 8)?,
        dead: count(row, 9)?,
        dropped: count(row, 10)?,
        discarded: count(row, 11)?,
        oldest_ms: get(row, 12)?,
        failing: count(row, 13)?,
    })
}
