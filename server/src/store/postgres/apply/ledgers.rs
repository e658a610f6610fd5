//! Ledgers in the database. Who changes one holds its row's lock until the end.

use std::collections::{BTreeSet, HashMap};

use deadpool_postgres::Transaction;
use lamplight_wire::Producer;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::apply::{LedgerKey, LedgerWrite, StoredLedger};
use crate::store::ledger::{Ledger, SHARED, Sums};
use crate::store::ledger_text::{read_dropped, read_received};
use crate::store::postgres::columns::{
    big, bucket_of_producer, count, get, producer, producer_uuid, text,
};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::text::kept;

/// What [`read`] reads, in its order.
pub(crate) const COLUMNS: &str = "p.producer, p.scope, p.source, p.next, p.forgotten, p.refused, p.first_heard_ms, \
     p.last_heard_ms, p.made, p.received, p.declared, p.missing, p.received_json, p.dropped_json";
/// Locks ledgers, in the order of their keys.
pub(crate) const LOCK: &str = "SELECT {COLUMNS} FROM unnest($1::uuid[], $2::text[]) AS k (producer, scope) \
     JOIN producers AS p ON p.producer = k.producer AND p.scope = k.scope \
     ORDER BY p.producer, p.scope FOR UPDATE OF p";
/// How many bytes the texts of ledgers have, at most.
pub(crate) const SIZES: &str = "SELECT p.producer, p.scope, pg_column_size(p.received_json) + pg_column_size(p.dropped_json) \
     FROM unnest($1::uuid[], $2::text[]) AS k (producer, scope) \
     JOIN producers AS p ON p.producer = k.producer AND p.scope = k.scope";
/// All ledgers of a producer, in the order of their scopes.
pub(crate) const OF_PRODUCER: &str = "SELECT {COLUMNS} FROM producers AS p WHERE p.producer = $1 \
     AND ($2::text IS NULL OR p.scope IN ('', $2)) ORDER BY p.scope LIMIT 64";
const ADD: &str = "INSERT INTO producers (producer, scope, bucket, source, next, made, received, declared, missing, \
     forgotten, refused, first_heard_ms, last_heard_ms, received_json, dropped_json) SELECT * FROM unnest($1::uuid[], \
     $2::text[], $3::smallint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], \
     $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::text[])";
const CHANGE: &str = "UPDATE producers AS p SET next = n.next, made = n.made, received = n.received, \
     declared = n.declared, missing = n.missing, forgotten = n.forgotten, refused = n.refused, \
     first_heard_ms = n.first_heard_ms, last_heard_ms = n.last_heard_ms, \
     received_json = coalesce(n.received_json, p.received_json), dropped_json = coalesce(n.dropped_json, p.dropped_json) \
     FROM unnest($1::uuid[], $2::text[], $3::smallint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], \
     $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::text[]) \
     AS n (producer, scope, bucket, source, next, made, received, declared, missing, forgotten, refused, first_heard_ms, \
     last_heard_ms, received_json, dropped_json) \
     WHERE p.producer = n.producer AND p.scope = n.scope AND p.bucket = n.bucket";
const DELETE: &str = "DELETE FROM producers WHERE producer = $1 AND scope = $2";

/// How many bytes of texts one transaction reads. One payload is always applied.
const BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Up to how many ledgers are read without asking for their sizes.
const SMALL_COUNT: usize = 128;

/// Ledgers with the keys that they are stored under.
pub(crate) type ReadLedgers<'a> = HashMap<LedgerKey<'a>, StoredLedger>;

/// Reads a ledger from [`COLUMNS`].
pub(crate) fn read(row: &Row) -> Result<(Producer, StoredLedger), Failure> {
    let scope = text(row, 1)?;
    let mut ledger = Ledger::new("", 0);
    (ledger.source, ledger.is_shared) = (text(row, 2)?, scope == SHARED);
    (ledger.next, ledger.forgotten, ledger.refused) =
        (count(row, 3)?, count(row, 4)?, count(row, 5)?);
    (ledger.first_heard_ms, ledger.last_heard_ms) = (get(row, 6)?, get(row, 7)?);
    let sums = Sums {
        made: count(row, 8)?,
        received: count(row, 9)?,
        declared: count(row, 10)?,
        missing: count(row, 11)?,
    };
    let (received, dropped) = (get::<&str>(row, 12)?, text(row, 13)?);
    let text_bytes = received.len() + dropped.len();
    ledger.received = read_received(received).map_err(|_| Failure::Column("received_json"))?;
    ledger.dropped = read_dropped(&dropped).map_err(|_| Failure::Column("dropped_json"))?;
    Ok((producer(row, 0)?, StoredLedger { ledger, sums, text_bytes }))
}

/// All ledgers of `producer`, or only those that count for `source`, in the order of their scopes.
pub(crate) async fn of_producer(
    transaction: &Transaction<'_>,
    producer: Producer,
    source: Option<&str>,
) -> Result<Vec<StoredLedger>, Failure> {
    let statement = transaction.prepare_cached(&OF_PRODUCER.replace("{COLUMNS}", COLUMNS)).await?;
    let source = source.map(kept);
    let rows = transaction.query(&statement, &[&producer_uuid(producer), &source]).await?;
    rows.iter().map(|row| Ok(read(row)?.1)).collect()
}

/// Locks and reads the ledgers that some plans need, given the keys that each needs, until they
/// have too many bytes for one transaction. Returns them, and for how many of the plans they
/// suffice: at least one.
pub(super) async fn lock<'a>(
    transaction: &Transaction<'_>,
    keys: Vec<Vec<LedgerKey<'a>>>,
) -> Result<(ReadLedgers<'a>, usize), Failure> {
    let plans = fitting(transaction, &keys).await?;
    let wanted: Vec<LedgerKey<'a>> = keys.into_iter().take(plans).flatten().collect();
    let (producers, scopes) = columns(&wanted);
    if producers.is_empty() {
        return Ok((HashMap::new(), plans));
    }
    let statement = transaction.prepare_cached(&LOCK.replace("{COLUMNS}", COLUMNS)).await?;
    let rows = transaction.query(&statement, &[&producers, &scopes]).await?;
    let mut stored = HashMap::new();
    for row in &rows {
        let (producer, ledger) = read(row)?;
        stored.insert((producer, ledger.ledger.scope().to_owned()), ledger);
    }
    let mut ledgers = HashMap::new();
    for key in wanted {
        if let Some(own) = stored.remove(&(key.producer, key.scope.to_owned())) {
            ledgers.insert(key, own);
        } else if !ledgers.contains_key(&key)
            && let Some(shared) = stored.remove(&(key.producer, SHARED.to_owned()))
        {
            ledgers.insert(LedgerKey::shared(key.producer), shared);
        }
    }
    Ok((ledgers, plans))
}

/// For how many plans the ledgers fit into one transaction.
async fn fitting(
    transaction: &Transaction<'_>,
    keys: &[Vec<LedgerKey<'_>>],
) -> Result<usize, Failure> {
    let all: Vec<LedgerKey<'_>> = keys.iter().flatten().copied().collect();
    if all.len() <= SMALL_COUNT {
        return Ok(keys.len());
    }
    let (producers, scopes) = columns(&all);
    let statement = transaction.prepare_cached(SIZES).await?;
    let mut sizes: HashMap<Producer, u64> = HashMap::new();
    for row in transaction.query(&statement, &[&producers, &scopes]).await? {
        let bytes = u64::try_from(get::<i32>(&row, 2)?).unwrap_or(0);
        *sizes.entry(producer(&row, 0)?).or_default() += bytes;
    }
    let mut bytes = 0;
    for (index, keys) in keys.iter().enumerate() {
        if bytes > BYTES_MAX {
            return Ok(index);
        }
        bytes += keys.iter().filter_map(|key| sizes.remove(&key.producer)).sum::<u64>();
    }
    Ok(keys.len())
}

/// The keys and those of the ledgers that may count instead, each once and in order, as columns.
fn columns(keys: &[LedgerKey<'_>]) -> (Vec<Uuid>, Vec<String>) {
    let both = |key: &LedgerKey<'_>| {
        let producer = producer_uuid(key.producer);
        [(producer, kept(key.scope).into_owned()), (producer, SHARED.to_owned())]
    };
    keys.iter().flat_map(both).collect::<BTreeSet<_>>().into_iter().unzip()
}

/// Writes ledgers that were locked, or that are new.
///
/// # Errors
/// [`Failure`], a conflict if another transaction has made the same ledger, or deleted it.
pub(super) async fn save(
    transaction: &Transaction<'_>,
    ledgers: &[LedgerWrite],
) -> Result<(), Failure> {
    let (mut new, mut known): (Vec<_>, Vec<_>) =
        ledgers.iter().partition(|write| write.text_bytes_before == 0);
    for (sql, writes) in [(CHANGE, &mut known), (ADD, &mut new)] {
        if writes.is_empty() {
            continue;
        }
        writes.sort_by_key(|write| (write.producer.bits(), write.ledger.scope()));
        let statement = transaction.prepare_cached(sql).await?;
        let number = |of: fn(&LedgerWrite) -> u64| -> Vec<i64> {
            writes.iter().map(|write| big(of(write))).collect()
        };
        let producers: Vec<Uuid> = writes.iter().map(|it| producer_uuid(it.producer)).collect();
        let buckets: Vec<i16> = writes.iter().map(|it| bucket_of_producer(it.producer)).collect();
        let scopes: Vec<_> = writes.iter().map(|it| kept(it.ledger.scope())).collect();
        let sources: Vec<_> = writes.iter().map(|it| kept(&it.ledger.source)).collect();
        let (next, made) = (number(|it| it.ledger.next), number(|it| it.sums.made));
        let (received, declared) = (number(|it| it.sums.received), number(|it| it.sums.declared));
        let (missing, forgotten) = (number(|it| it.sums.missing), number(|it| it.ledger.forgotten));
        let refused = number(|it| it.ledger.refused);
        let first: Vec<i64> = writes.iter().map(|it| it.ledger.first_heard_ms).collect();
        let last: Vec<i64> = writes.iter().map(|it| it.ledger.last_heard_ms).collect();
        // What did not change is not sent again.
        let has_texts = |it: &LedgerWrite| it.has_new_ranges || it.text_bytes_before == 0;
        let received_json: Vec<Option<String>> =
            writes.iter().map(|it| has_texts(it).then(|| it.ledger.received_json())).collect();
        let dropped_json = writes
            .iter()
            .map(|it| has_texts(it).then(|| kept(&it.ledger.dropped_json()).into_owned()));
        let dropped_json: Vec<Option<String>> = dropped_json.collect();
        let written = transaction
            .execute(
                &statement,
                &[
                    &producers,
                    &scopes,
                    &buckets,
                    &sources,
                    &next,
                    &made,
                    &received,
                    &declared,
                    &missing,
                    &forgotten,
                    &refused,
                    &first,
                    &last,
                    &received_json,
                    &dropped_json,
                ],
            )
            .await?;
        if written != writes.len() as u64 {
            return Err(Failure::Raced);
        }
    }
    Ok(())
}

/// Deletes a ledger.
pub(super) async fn delete(
    transaction: &Transaction<'_>,
    producer: Producer,
    scope: &str,
) -> Result<(), Failure> {
    let statement = transaction.prepare_cached(DELETE).await?;
    transaction.execute(&statement, &[&producer_uuid(producer), &kept(scope)]).await?;
    Ok(())
}
