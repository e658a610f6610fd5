//! The table `runs`, whose partitions are those of the rows.

use deadpool_postgres::Transaction;
use lamplight_wire::Producer;
use uuid::Uuid;

use crate::store::postgres::columns::{big, bucket_of_producer, get, producer_uuid};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::partitions;
use crate::store::postgres::text::kept;
use crate::store::run::{Run, Runs};
use crate::store::{EventIdentity, RowId, Week};

const ADD: &str = "INSERT INTO {RUNS} (producer, scope, first, last, first_id, bucket) SELECT * FROM \
     unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::uuid[], $6::smallint[])";
/// The last run of a week that begins with a number or before it.
pub(crate) const UP_TO: &str = "SELECT first, last, first_id FROM {RUNS} WHERE producer = $1 AND scope = $2 \
     AND first <= $3 ORDER BY first DESC LIMIT 1";

/// Writes runs to their week.
pub(super) async fn save(
    transaction: &Transaction<'_>,
    week: Week,
    runs: &Runs<'_>,
) -> Result<(), Failure> {
    if runs.0.is_empty() {
        return Ok(());
    }
    let runs = &runs.0;
    let producers: Vec<Uuid> = runs.iter().map(|(it, _)| producer_uuid(it.producer)).collect();
    let scopes: Vec<_> = runs.iter().map(|(_, scope)| kept(scope)).collect();
    let firsts: Vec<i64> = runs.iter().map(|(it, _)| big(it.first)).collect();
    let lasts: Vec<i64> = runs.iter().map(|(it, _)| big(it.last)).collect();
    let ids: Vec<Uuid> = runs.iter().map(|(it, _)| it.first_id.0).collect();
    let buckets: Vec<i16> = runs.iter().map(|(it, _)| bucket_of_producer(it.producer)).collect();
    let sql = ADD.replace("{RUNS}", &partitions::name("runs", week));
    let statement = transaction.prepare_cached(&sql).await?;
    transaction
        .execute(&statement, &[&producers, &scopes, &firsts, &lasts, &ids, &buckets])
        .await?;
    Ok(())
}

/// Whether a run says that the row `id` holds the event with this identity. A run of a row that was
/// deleted by hand still says so.
pub(super) async fn has(
    transaction: &Transaction<'_>,
    week: Week,
    identity: &EventIdentity,
    scope: &str,
    id: RowId,
) -> Result<bool, Failure> {
    let EventIdentity::Numbered(producer, seq) = *identity else { return Ok(false) };
    let sql = UP_TO.replace("{RUNS}", &partitions::name("runs", week));
    let found = up_to(transaction, &sql, producer, scope, seq).await?;
    Ok(found.is_some_and(|run| seq <= run.last && run.row(seq) == id))
}

async fn up_to(
    transaction: &Transaction<'_>,
    sql: &str,
    producer: Producer,
    scope: &str,
    seq: u64,
) -> Result<Option<Run>, Failure> {
    let statement = transaction.prepare_cached(sql).await?;
    let key: (Uuid, _, i64) = (producer_uuid(producer), kept(scope), big(seq));
    let row = transaction.query_opt(&statement, &[&key.0, &key.1, &key.2]).await?;
    let Some(row) = row else { return Ok(None) };
    let number = |at| u64::try_from(get::<i64>(&row, at)?).map_err(|_| Failure::Column("a number"));
    let first_id = RowId(get(&row, 2)?);
    Ok(Some(Run { producer, first: number(0)?, last: number(1)?, first_id }))
}
