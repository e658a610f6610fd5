//! Pages of producers, and the totals, which their ledgers make up.

use std::cmp::Reverse;

use lamplight_server::store::ledger::Ledger;
use lamplight_server::store::{
    Completeness, ProducerCursor, ProducerPage, ProducerQuery, ProducerRow, SourceTotals, Totals,
};
use lamplight_wire::Producer;

use crate::store::memory::events::EventTables;

impl EventTables {
    /// A page of producers, the one heard from last first.
    pub(in crate::store::memory) fn producer_page(&self, query: &ProducerQuery) -> ProducerPage {
        let cursor = |producer: Producer, scope: &str, ledger: &Ledger| ProducerCursor {
            last_heard_ms: ledger.last_heard_ms,
            producer,
            scope: scope.to_owned(),
        };
        let place = |it: &ProducerCursor| (it.last_heard_ms, it.producer, it.scope.clone());
        let rows = self.ledgers.iter().map(|((producer, scope), ledger)| {
            let row = query.row(*producer, ledger.sums(), ledger);
            (cursor(*producer, scope, ledger), row)
        });
        let is_wanted = |(cursor, row): &(ProducerCursor, ProducerRow)| {
            query.wants(row.verdict, &row.source)
                && query.producer.is_none_or(|producer| producer == row.producer)
                && query.after.as_ref().is_none_or(|after| place(cursor) < place(after))
        };
        let mut found: Vec<(ProducerCursor, ProducerRow)> = rows.filter(is_wanted).collect();
        if query.producer.is_some() {
            let producers = found.into_iter().map(|(_, row)| row).collect();
            return ProducerPage { producers, next: None };
        }
        found.sort_by_key(|(cursor, _)| Reverse(place(cursor)));
        let has_more = found.len() > query.limit as usize;
        found.truncate(query.limit as usize);
        let next = found.last().filter(|_| has_more).map(|(cursor, _)| cursor.clone());
        ProducerPage { producers: found.into_iter().map(|(_, row)| row).collect(), next }
    }

    /// The counts of each source.
    pub(in crate::store::memory) fn source_totals(&self) -> Vec<SourceTotals> {
        let count = |count: i64| u64::try_from(count).unwrap();
        let totals = self.sources.iter().map(|(source, it)| SourceTotals {
            source: source.clone(),
            producers: count(it.producers),
            made: count(it.made),
            received: count(it.received),
            declared: count(it.declared),
            missing: count(it.missing),
        });
        totals.collect()
    }

    /// The counts of everything.
    pub(in crate::store::memory) fn totals(&self, now_ms: i64) -> Totals {
        let count = |count: i64| u64::try_from(count).unwrap();
        let totals = self.totals;
        let in_flight = self.ledgers.values().map(|ledger| (ledger.sums(), ledger));
        let in_flight = in_flight.filter(|(sums, ledger)| {
            sums.verdict(ledger.last_heard_ms, now_ms) == Completeness::InFlight
        });
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
