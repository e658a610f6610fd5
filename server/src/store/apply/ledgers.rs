//! The ledgers that one transaction works on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use lamplight_wire::Producer;
use lamplight_wire::batch::ProducerNote;

use super::{LedgerKey, LedgerWrite, SourceChange, StoredLedger, TotalsChange};
use crate::store::Plan;
use crate::store::ledger::{Arrival, Ledger, Sums};

/// Known ledgers, by their key.
pub(super) type KnownLedgers<'a> = HashMap<LedgerKey<'a>, StoredLedger>;

/// The ledger that counts a producer's numbers for `source`: the source's own, or the one that an
/// earlier version kept for all sources.
pub(super) fn key_of<'a>(
    source: &'a str,
    producer: Producer,
    has: impl Fn(&LedgerKey<'a>) -> bool,
) -> LedgerKey<'a> {
    let (own, shared) = (LedgerKey::own(source, producer), LedgerKey::shared(producer));
    if !has(&own) && has(&shared) { shared } else { own }
}

/// A ledger that was touched.
#[derive(Debug)]
struct Touched {
    ledger: Ledger,
    /// Its counts and the bytes of its texts in the database, if it was there.
    before: Option<(Sums, usize)>,
    has_new_ranges: bool,
}

/// Ledgers that were touched, each with what it added up to before.
#[derive(Debug)]
pub(super) struct Ledgers<'a> {
    known: KnownLedgers<'a>,
    touched: Vec<(LedgerKey<'a>, Touched)>,
    /// Where each is in `touched`.
    places: HashMap<LedgerKey<'a>, usize>,
    /// The own key of the producer that was touched last, and where its ledger is in `touched`. The
    /// events of a page follow each other.
    last: Option<(LedgerKey<'a>, usize)>,
}

impl<'a> Ledgers<'a> {
    pub(super) fn new(known: KnownLedgers<'a>) -> Self {
        Self { known, touched: Vec::new(), places: HashMap::new(), last: None }
    }

    /// Records that a number of `producer` arrived with `plan`. Returns which ledger decided it.
    pub(super) fn arrive(
        &mut self,
        producer: Producer,
        seq: u64,
        plan: &'a Plan,
    ) -> (Arrival, LedgerKey<'a>) {
        let (touched, key) = self.touch(producer, plan);
        let arrival = touched.ledger.arrive(seq);
        touched.has_new_ranges |= arrival == Arrival::First;
        (arrival, key)
    }

    /// Applies what `plan` declares about `producer`.
    pub(super) fn declare(&mut self, producer: Producer, note: &ProducerNote, plan: &'a Plan) {
        let (touched, _) = self.touch(producer, plan);
        touched.has_new_ranges |= touched.ledger.apply_declaration(note);
    }

    /// The ledger of `producer`, which `plan` is about. A new one if the producer is new.
    fn touch(&mut self, producer: Producer, plan: &'a Plan) -> (&mut Touched, LedgerKey<'a>) {
        let own = LedgerKey::own(&plan.source, producer);
        let at = match self.last {
            Some((last, at)) if last == own => at,
            _ => self.place(producer, plan),
        };
        self.last = Some((own, at));
        let (key, touched) = &mut self.touched[at];
        touched.ledger.record_contact(plan.received_ms);
        (touched, *key)
    }

    /// Where the ledger is in `touched`, which it is added to.
    fn place(&mut self, producer: Producer, plan: &'a Plan) -> usize {
        let has =
            |key: &LedgerKey<'a>| self.places.contains_key(key) || self.known.contains_key(key);
        let key = key_of(&plan.source, producer, has);
        let at = self.touched.len();
        match self.places.entry(key) {
            Entry::Occupied(entry) => return *entry.get(),
            Entry::Vacant(entry) => entry.insert(at),
        };
        let (ledger, before) = match self.known.remove(&key) {
            Some(StoredLedger { ledger, sums, text_bytes }) => (ledger, Some((sums, text_bytes))),
            None => (Ledger::new(&plan.source, plan.received_ms), None),
        };
        self.touched.push((key, Touched { ledger, before, has_new_ranges: false }));
        at
    }

    /// Everything that was touched, and what that changes in the totals.
    pub(super) fn into_writes(
        self,
        totals: &mut TotalsChange,
        sources: &mut HashMap<String, SourceChange>,
    ) -> Vec<LedgerWrite> {
        let write = |(key, touched): (LedgerKey<'a>, Touched)| {
            let Touched { ledger, before, has_new_ranges } = touched;
            let sums = ledger.sums();
            let (sums_before, text_bytes_before) = before.unwrap_or_default();
            totals.add_ledger(sums_before, sums);
            let source = sources.entry(ledger.source.clone()).or_default();
            source.add(sums_before, sums, i64::from(before.is_none()));
            let producer = key.producer;
            let received_before = sums_before.received;
            LedgerWrite {
                producer,
                ledger,
                sums,
                has_new_ranges,
                text_bytes_before,
                received_before,
            }
        };
        self.touched.into_iter().map(write).collect()
    }
}
