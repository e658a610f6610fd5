//! Runs: which rows hold the numbers of a producer.

use lamplight_wire::Producer;
use tokio_postgres::Row;
use uuid::Uuid;

use super::event_scan::span;
use super::reading::Reading;
use crate::store::postgres::columns::{big, get, producer_uuid};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::text::kept;
use crate::store::run::Run;
use crate::store::{EventFilter, RowId, Week};

/// How many runs are read at a time.
pub(crate) const AT_A_TIME: usize = 256;
/// The runs of a producer in a scope and in rows of a week that begin before a number, the last
/// first.
pub(crate) const BEFORE: &str = "SELECT first, last, first_id FROM runs WHERE producer = $1 AND scope = $2 \
     AND first < $3 AND first_id >= $4 AND first_id < $5 ORDER BY first DESC LIMIT 256";
/// The last of them.
pub(crate) const LAST_BEFORE: &str = "SELECT first, last, first_id FROM runs WHERE producer = $1 AND scope = $2 \
     AND first < $3 AND first_id >= $4 AND first_id < $5 ORDER BY first DESC LIMIT 1";

fn read(producer: Producer, row: &Row) -> Result<Run, Failure> {
    let number = |at| u64::try_from(get::<i64>(row, at)?).map_err(|_| Failure::Column("a number"));
    Ok(Run { producer, first: number(0)?, last: number(1)?, first_id: RowId(get(row, 2)?) })
}

async fn query(
    reading: &Reading<'_>,
    sql: &str,
    (producer, scope): (Producer, &str),
    week: Week,
    before: u64,
) -> Result<Vec<Run>, Failure> {
    let statement = reading.prepare_cached(sql).await?;
    let (from, to): (Uuid, Uuid) = span(&EventFilter::default(), week, None);
    let rows = reading
        .query(&statement, &[&producer_uuid(producer), &kept(scope), &big(before), &from, &to])
        .await?;
    rows.iter().map(|row| read(producer, row)).collect()
}

/// The next runs of a producer in a scope that begin before a number, the last first: all that are
/// left in the week if there are fewer than [`AT_A_TIME`].
pub(crate) async fn before(
    reading: &Reading<'_>,
    owner: (Producer, &str),
    week: Week,
    before: u64,
) -> Result<Vec<Run>, Failure> {
    query(reading, BEFORE, owner, week, before).await
}

/// The row of a week that holds a number, according to the runs of a scope.
pub(crate) async fn find(
    reading: &Reading<'_>,
    owner: (Producer, &str),
    week: Week,
    seq: u64,
) -> Result<Option<RowId>, Failure> {
    let runs = query(reading, LAST_BEFORE, owner, week, seq.saturating_add(1)).await?;
    Ok(runs.first().filter(|run| seq <= run.last).map(|run| run.row(seq)))
}
