//! Replays: which payloads, and how far each replay is.

use std::sync::Arc;

use tokio_postgres::Row;
use uuid::Uuid;

use super::PostgresIntake;
use crate::store::postgres::columns::{big, count, get, payload_id};
use crate::store::postgres::connection::failure::Failure;
use crate::store::replays::LISTED_MAX;
use crate::store::{Answer, PayloadId, PayloadSpan, Replay, ReplayId, Replayed, Replays};

const BEGIN: &str =
    "INSERT INTO replays (first_id, last_id, begun_ms) VALUES ($1, $2, $3) RETURNING id";
const LIST: &str = "SELECT id, first_id, last_id, after_id, payloads, rewritten, restored, accepted, skipped, begun_ms, \
     ended_ms FROM replays ORDER BY id DESC LIMIT $1";
const NEXT: &str = "SELECT id, first_id, last_id, after_id, payloads, rewritten, restored, accepted, skipped, begun_ms, \
     ended_ms FROM replays WHERE ended_ms IS NULL \
     AND NOT EXISTS (SELECT FROM migration WHERE ended_ms IS NULL OR is_leaving) ORDER BY id LIMIT 1";
/// Changes nothing if anyone, here or on another server, has moved it.
const ADVANCE: &str = "UPDATE replays SET after_id = $3, payloads = payloads + $4, rewritten = rewritten + $5, \
     restored = restored + $6, accepted = accepted + $7, skipped = skipped + $8, ended_ms = $9 \
     WHERE id = $1 AND after_id IS NOT DISTINCT FROM $2 AND ended_ms IS NULL";

impl Replays for PostgresIntake {
    fn begin(&self, span: PayloadSpan, now_ms: i64) -> Answer<'_, ReplayId> {
        Box::pin(self.database.transact("request a replay", move |transaction| {
            Box::pin(async move {
                let begin = transaction.prepare_cached(BEGIN).await?;
                let (first, last) = (span.first.0, span.last.0);
                let row = transaction.query_one(&begin, &[&first, &last, &now_ms]).await?;
                Ok(ReplayId(get(&row, 0)?))
            })
        }))
    }

    fn list(&self) -> Answer<'_, Vec<Replay>> {
        Box::pin(self.database.read("list replays", |snapshot| {
            Box::pin(async move {
                let list = snapshot.prepare_cached(LIST).await?;
                let rows = snapshot.query(&list, &[&i64::from(LISTED_MAX)]).await?;
                rows.iter().map(replay).collect()
            })
        }))
    }

    fn next(&self) -> Answer<'_, Option<Replay>> {
        Box::pin(self.database.read("find the next replay", |snapshot| {
            Box::pin(async move {
                let next = snapshot.prepare_cached(NEXT).await?;
                snapshot.query_opt(&next, &[]).await?.as_ref().map(replay).transpose()
            })
        }))
    }

    fn advance(
        &self,
        replay: Replay,
        after: Option<PayloadId>,
        done: Replayed,
        ended_ms: Option<i64>,
    ) -> Answer<'_, bool> {
        let replay = Arc::new(replay);
        Box::pin(self.database.transact("record the progress of a replay", move |transaction| {
            let replay = Arc::clone(&replay);
            Box::pin(async move {
                let uuid = |id: Option<PayloadId>| id.map(|id| id.0);
                let advance = transaction.prepare_cached(ADVANCE).await?;
                let changed = transaction
                    .execute(
                        &advance,
                        &[
                            &replay.id.0,
                            &uuid(replay.after),
                            &uuid(after),
                            &big(done.payloads),
                            &big(done.rewritten),
                            &big(done.restored),
                            &big(done.accepted),
                            &big(done.skipped),
                            &ended_ms,
                        ],
                    )
                    .await?;
                Ok(changed == 1)
            })
        }))
    }
}

fn replay(row: &Row) -> Result<Replay, Failure> {
    let after: Option<Uuid> = get(row, 3)?;
    Ok(Replay {
        id: ReplayId(get(row, 0)?),
        span: PayloadSpan { first: payload_id(row, 1)?, last: payload_id(row, 2)? },
        after: after.map(PayloadId),
        done: Replayed {
            payloads: count(row, 4)?,
            rewritten: count(row, 5)?,
            restored: count(row, 6)?,
            accepted: count(row, 7)?,
            skipped: count(row, 8)?,
        },
        begun_ms: get(row, 9)?,
        ended_ms: get(row, 10)?,
    })
}
