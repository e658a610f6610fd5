//! Pages of producers. Incomplete ones have their own index, so listing them never reads complete
//! ones.

use lamplight_wire::Producer;
use uuid::Uuid;

use super::reading::Reading;
use crate::store::postgres::apply::ledgers;
use crate::store::postgres::columns::producer_uuid;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::text::kept;
use crate::store::{Completeness, IN_FLIGHT_MS, ProducerCursor, ProducerPage, ProducerQuery};

/// The most producers that one page reads.
const SCAN_ROWS_MAX: usize = 10_000;
/// How many are read in one statement.
const AT_A_TIME: usize = 100;
/// The most ranges of numbers in one page, about. It ends with the producer that exceeds them.
const PAGE_RANGES_MAX: usize = 10_000;

/// The next producers, by their last payload, newest first.
pub(crate) const PAGE: &str = "SELECT {COLUMNS} FROM producers AS p WHERE {CONDITION} \
     AND p.last_heard_ms BETWEEN $1 AND $2 AND (p.last_heard_ms, p.producer, p.scope) < ($3, $4, $5) \
     ORDER BY p.last_heard_ms DESC, p.producer DESC, p.scope DESC LIMIT 100";

/// A page of producers, by their last payload, newest first.
pub(crate) async fn page(
    reading: &Reading<'_>,
    query: &ProducerQuery,
) -> Result<ProducerPage, Failure> {
    if let Some(producer) = query.producer {
        return of_one(reading, producer, query).await;
    }
    let alive_ms = query.now_ms.saturating_sub(IN_FLIGHT_MS);
    let (condition, span) = match query.verdict {
        None | Some(Completeness::Complete) => ("true", (i64::MIN, i64::MAX)),
        Some(Completeness::InFlight) => ("p.missing > 0", (alive_ms, i64::MAX)),
        Some(Completeness::Lost) => ("p.missing > 0", (i64::MIN, alive_ms - 1)),
        Some(Completeness::Declared) => ("p.missing = 0 AND p.declared > 0", (i64::MIN, i64::MAX)),
    };
    let mut after = query.after.clone().unwrap_or(ProducerCursor {
        last_heard_ms: i64::MAX,
        producer: Producer::from_bits(u128::MAX),
        scope: String::new(),
    });
    let sql = PAGE.replace("{COLUMNS}", ledgers::COLUMNS).replace("{CONDITION}", condition);
    let statement = reading.prepare_cached(&sql).await?;
    let mut page = ProducerPage::default();
    let (mut looked_at, mut ranges, mut time) = (0, 0, reading.budget());
    loop {
        let (producer, scope): (Uuid, _) = (producer_uuid(after.producer), kept(&after.scope));
        let rows = reading
            .query(&statement, &[&span.0, &span.1, &after.last_heard_ms, &producer, &scope])
            .await?;
        for row in &rows {
            let is_full = page.producers.len() >= query.limit as usize || ranges > PAGE_RANGES_MAX;
            if is_full || looked_at >= SCAN_ROWS_MAX || time.is_spent() {
                page.next = (looked_at > 0).then_some(after);
                return Ok(page);
            }
            looked_at += 1;
            let (producer, stored) = ledgers::read(row)?;
            let ledger = &stored.ledger;
            let last_heard_ms = ledger.last_heard_ms;
            after = ProducerCursor { last_heard_ms, producer, scope: ledger.scope().to_owned() };
            let verdict = stored.sums.verdict(last_heard_ms, query.now_ms);
            if query.wants(verdict, &ledger.source) {
                let found = query.row(producer, stored.sums, ledger);
                ranges += found.ranges();
                page.producers.push(found);
            }
        }
        if rows.len() < AT_A_TIME {
            return Ok(page);
        }
    }
}

/// The ledgers of one producer.
async fn of_one(
    reading: &Reading<'_>,
    producer: Producer,
    query: &ProducerQuery,
) -> Result<ProducerPage, Failure> {
    let mut producers = Vec::new();
    for stored in ledgers::of_producer(reading, producer, None).await? {
        let verdict = stored.sums.verdict(stored.ledger.last_heard_ms, query.now_ms);
        if query.wants(verdict, &stored.ledger.source) {
            producers.push(query.row(producer, stored.sums, &stored.ledger));
        }
    }
    Ok(ProducerPage { producers, next: None })
}
