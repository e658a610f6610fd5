//! Pages of producers. Incomplete ones have their own index, so listing them never reads complete
//! ones.

use lamplight_wire::Producer;
use rusqlite::{Connection, params};

use crate::store::sqlite::apply::ledgers;
use crate::store::sqlite::file::columns::{producer, producer_bytes};
use crate::store::{Completeness, IN_FLIGHT_MS, ProducerCursor, ProducerPage, ProducerQuery};

/// The most producers that one page reads.
const SCAN_ROWS_MAX: u32 = 10_000;

/// The most ranges of numbers in one page, about. It ends with the producer that exceeds them.
const PAGE_RANGES_MAX: usize = 10_000;

/// A page of producers, by their last payload, newest first.
pub(crate) fn page(
    connection: &Connection,
    query: &ProducerQuery,
) -> rusqlite::Result<ProducerPage> {
    if let Some(producer) = query.producer {
        return of_one(connection, producer, query);
    }
    let alive_ms = query.now_ms.saturating_sub(IN_FLIGHT_MS);
    let (index, condition, span) = match query.verdict {
        None | Some(Completeness::Complete) => ("producers_heard", "1", (i64::MIN, i64::MAX)),
        Some(Completeness::InFlight) => ("producers_open", "missing > 0", (alive_ms, i64::MAX)),
        Some(Completeness::Lost) => ("producers_open", "missing > 0", (i64::MIN, alive_ms - 1)),
        Some(Completeness::Declared) => {
            ("producers_declared", "missing = 0 AND declared > 0", (i64::MIN, i64::MAX))
        }
    };
    let after = query.after.clone().unwrap_or(ProducerCursor {
        last_heard_ms: i64::MAX,
        producer: Producer::from_bits(u128::MAX),
        scope: String::new(),
    });
    let mut statement = connection.prepare_cached(&format!(
        "SELECT producer, {} FROM producers INDEXED BY {index} WHERE {condition} \
         AND last_heard_ms BETWEEN ?1 AND ?2 AND (last_heard_ms, producer, scope) < (?3, ?4, ?5) \
         ORDER BY last_heard_ms DESC, producer DESC, scope DESC",
        ledgers::COLUMNS
    ))?;
    let mut rows = statement.query(params![
        span.0,
        span.1,
        after.last_heard_ms,
        producer_bytes(after.producer),
        after.scope
    ])?;
    let mut page = ProducerPage::default();
    let (mut looked_at, mut ranges, mut last) = (0, 0, None);
    while let Some(row) = rows.next()? {
        let is_full = page.producers.len() >= query.limit as usize || ranges > PAGE_RANGES_MAX;
        if is_full || looked_at >= SCAN_ROWS_MAX {
            page.next = last;
            break;
        }
        looked_at += 1;
        let (producer, header) = (producer(row, 0)?, ledgers::header(row, 1)?);
        let last_heard_ms = header.last_heard_ms();
        last = Some(ProducerCursor { last_heard_ms, producer, scope: header.scope.clone() });
        let verdict = header.sums.verdict(last_heard_ms, query.now_ms);
        if query.wants(verdict, header.source()) {
            let stored = header.read(connection, producer)?;
            let found = query.row(producer, stored.sums, &stored.ledger);
            ranges += found.ranges();
            page.producers.push(found);
        }
    }
    Ok(page)
}

/// The ledgers of one producer.
fn of_one(
    connection: &Connection,
    producer: Producer,
    query: &ProducerQuery,
) -> rusqlite::Result<ProducerPage> {
    let mut producers = Vec::new();
    for stored in ledgers::of_producer(connection, producer, None)? {
        let verdict = stored.sums.verdict(stored.ledger.last_heard_ms, query.now_ms);
        if query.wants(verdict, &stored.ledger.source) {
            producers.push(query.row(producer, stored.sums, &stored.ledger));
        }
    }
    Ok(ProducerPage { producers, next: None })
}
