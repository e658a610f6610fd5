//! Pages of producers, and the totals, which their ledgers make up.

use std::cmp::Reverse;

use lamplight_server::store::ledger::Ledger;
use lamplight_server::store::{
    Completeness, ProducerCursor, ProducerPage, ProducerQuery, ProducerRow, Totals,
};
use lamplight_wire::Producer;

use crate::store::memory::events::EventTables;

fn row(producer: Producer, ledger: &Ledger, now_ms: i64) -> ProducerRow {
    let sums = ledger.sums();
    ProducerRow {
        producer,
        source: ledger.source.clone(),
        made: sums.made,
        received: sums.received,
        holes: ledger.holes(),
        declared: ledger.declared(),
        verdict: ledger.verdict(sums, now_ms),
        first_heard_ms: ledger.first_heard_ms,
        last_heard_ms: ledger.last_heard_ms,
    }
}

impl EventTables {
    /// A page of producers, the one heard from last first.
    pub(in crate::store::memory) fn producer_page(&self, query: &ProducerQuery) -> ProducerPage {
        let rows = self.ledgers.iter().map(|(id, ledger)| row(*id, ledger, query.now_ms));
        let is_wanted = |row: &ProducerRow| {
            query.verdict.is_none_or(|verdict| verdict == row.verdict)
                && query.source.as_ref().is_none_or(|source| *source == row.source)
                && query.after.is_none_or(|after| {
                    (row.last_heard_ms, row.producer) < (after.last_heard_ms, after.producer)
                })
        };
        let mut producers: Vec<ProducerRow> = rows.filter(is_wanted).collect();
        producers.sort_by_key(|row| Reverse((row.last_heard_ms, row.producer)));
        let has_more = producers.len() > query.limit as usize;
        producers.truncate(query.limit as usize);
        let cursor = |row: &ProducerRow| ProducerCursor {
            last_heard_ms: row.last_heard_ms,
            producer: row.producer,
        };
        ProducerPage { next: producers.last().filter(|_| has_more).map(cursor), producers }
    }

    /// The counts of everything.
    pub(in crate::store::memory) fn totals(&self, now_ms: i64) -> Totals {
        let count = |count: i64| u64::try_from(count).unwrap();
        let totals = self.totals;
        let in_flight = self.ledgers.values().map(|ledger| (ledger.sums(), ledger));
        let in_flight = in_flight
            .filter(|(sums, ledger)| ledger.verdict(*sums, now_ms) == Completeness::InFlight);
        let in_flight = in_flight.map(|(sums, _)| sums.missing).sum();
        Totals {
            made: count(totals.made + totals.unnumbered),
            received: count(totals.stored + totals.duplicates + totals.invalid),
            stored: count(totals.stored),
            removed: self.weeks.values().map(|week| week.removed_events).sum(),
            duplicates: count(totals.duplicates),
            invalid: count(totals.invalid),
            in_flight,
            declared: count(totals.declared),
            lost: count(totals.missing) - in_flight,
        }
    }
}
