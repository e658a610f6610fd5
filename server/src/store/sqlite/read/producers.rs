//! Pages of producers. Incomplete ones have their own index, so listing them never reads complete
//! ones.

use lamplight_wire::Producer;
use rusqlite::{Connection, Row, params};

use crate::store::sqlite::apply::ledgers;
use crate::store::sqlite::file::columns::{producer, producer_bytes};
use crate::store::{
    Completeness, IN_FLIGHT_MS, ProducerCursor, ProducerPage, ProducerQuery, ProducerRow,
};

/// The most producers that one page reads.
const SCAN_ROWS_MAX: u32 = 10_000;

/// A page of producers, by their last payload, newest first.
pub(crate) fn page(
    connection: &Connection,
    query: &ProducerQuery,
) -> rusqlite::Result<ProducerPage> {
    let alive_ms = query.now_ms.saturating_sub(IN_FLIGHT_MS);
    let (index, condition, span) = match query.verdict {
        None | Some(Completeness::Complete) => ("producers_heard", "1", (i64::MIN, i64::MAX)),
        Some(Completeness::InFlight) => ("producers_open", "missing > 0", (alive_ms, i64::MAX)),
        Some(Completeness::Lost) => ("producers_open", "missing > 0", (i64::MIN, alive_ms - 1)),
        Some(Completeness::Declared) => {
            ("producers_declared", "missing = 0 AND declared > 0", (i64::MIN, i64::MAX))
        }
    };
    let after = query.after.unwrap_or(ProducerCursor {
        last_heard_ms: i64::MAX,
        producer: Producer::from_bits(u128::MAX),
    });
    let mut statement = connection.prepare_cached(&format!(
        "SELECT producer, {} FROM producers INDEXED BY {index} WHERE {condition} \
         AND last_heard_ms BETWEEN ?1 AND ?2 AND (last_heard_ms, producer) < (?3, ?4) \
         ORDER BY last_heard_ms DESC, producer DESC",
        ledgers::COLUMNS
    ))?;
    let mut rows = statement.query(params![
        span.0,
        span.1,
        after.last_heard_ms,
        producer_bytes(after.producer)
    ])?;
    let mut page = ProducerPage::default();
    let (mut looked_at, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        if page.producers.len() >= query.limit as usize || looked_at >= SCAN_ROWS_MAX {
            page.next = last;
            break;
        }
        looked_at += 1;
        let found = read(row, query.now_ms)?;
        last =
            Some(ProducerCursor { last_heard_ms: found.last_heard_ms, producer: found.producer });
        let wanted = query.verdict.is_none_or(|verdict| verdict == found.verdict)
            && query.source.as_ref().is_none_or(|source| *source == found.source);
        if wanted {
            page.producers.push(found);
        }
    }
    Ok(page)
}

fn read(row: &Row<'_>, now_ms: i64) -> rusqlite::Result<ProducerRow> {
    let ledger = ledgers::ledger(row, 1)?;
    let sums = ledger.sums();
    Ok(ProducerRow {
        producer: producer(row, 0)?,
        made: sums.made,
        received: sums.received,
        holes: ledger.holes(),
        declared: ledger.declared(),
        verdict: ledger.verdict(sums, now_ms),
        first_heard_ms: ledger.first_heard_ms,
        last_heard_ms: ledger.last_heard_ms,
        source: ledger.source,
    })
}
