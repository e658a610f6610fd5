//! What a chunk of buckets counts as. Pure.
//!
//! While it moves, two databases count it. Whoever adds up their counts takes it away from one.

use std::collections::{BTreeMap, HashMap};

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::apply::{SourceChange, TotalsChange};
use super::tally::{TallyKey, TallyKind};
use super::{Counts, SinkMove, SinkRow, SourceTotals, Totals};

/// What a chunk of buckets counts as.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChunkCounts {
    totals: TotalsChange,
    sources: BTreeMap<String, SourceChange>,
    /// By the name of a sink.
    sinks: BTreeMap<String, SinkMove>,
    tallies: Vec<TallyText>,
}

/// A tally, for JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TallyText {
    kind: i64,
    owner: String,
    label: String,
    counts: String,
}

fn less(count: u64, by: i64) -> u64 {
    count.saturating_add_signed(by.saturating_neg())
}

impl ChunkCounts {
    /// Counts in all, by source, by the name of a sink, and by tally.
    pub fn new(
        totals: TotalsChange,
        sources: BTreeMap<String, SourceChange>,
        sinks: BTreeMap<String, SinkMove>,
        tallies: HashMap<TallyKey<'static>, Counts>,
    ) -> Self {
        let mut tallies: Vec<_> = tallies.into_iter().collect();
        tallies.sort_by(|(one, _), (other, _)| one.cmp(other));
        let text = |(key, counts): (TallyKey<'static>, Counts)| TallyText {
            kind: key.kind.number(),
            owner: key.owner.into_owned(),
            label: key.label.into_owned(),
            counts: BASE64.encode(&counts.write()),
        };
        let tallies = tallies.into_iter().map(text).collect();
        Self { totals, sources, sinks, tallies }
    }

    /// The tallies of some kinds.
    pub fn tallies(&self, of: impl Fn(TallyKind) -> bool) -> HashMap<TallyKey<'static>, Counts> {
        let read = |it: &TallyText| {
            let kind = TallyKind::from_number(it.kind).filter(|kind| of(*kind))?;
            let counts = Counts::read(&BASE64.decode(it.counts.as_bytes()).ok()?)?;
            let (owner, label) = (it.owner.clone().into(), it.label.clone().into());
            Some((TallyKey { kind, owner, label }, counts))
        };
        self.tallies.iter().filter_map(read).collect()
    }

    /// Takes them away from the counts of a database.
    pub fn take_from_source(&self, source: &mut SourceTotals) {
        let Some(change) = self.sources.get(&source.source) else { return };
        source.producers = less(source.producers, change.producers);
        source.made = less(source.made, change.made);
        source.received = less(source.received, change.received);
        source.declared = less(source.declared, change.declared);
        source.missing = less(source.missing, change.missing);
    }

    /// Takes them away from the counts of a database. Of the missing numbers, those that are still
    /// in flight have not been counted as `in_flight`.
    pub fn take_from_totals(&self, totals: &mut Totals) {
        let TotalsChange { stored, duplicates, invalid, unnumbered, made, declared, missing } =
            self.totals;
        let all_missing = less(totals.lost + totals.in_flight, missing);
        *totals = Totals {
            made: less(totals.made, made + unnumbered),
            received: less(totals.received, stored + duplicates + invalid),
            stored: less(totals.stored, stored),
            removed: totals.removed,
            duplicates: less(totals.duplicates, duplicates),
            invalid: less(totals.invalid, invalid),
            in_flight: totals.in_flight,
            declared: less(totals.declared, declared),
            lost: all_missing.saturating_sub(totals.in_flight),
        };
    }

    /// Takes them away from the counts of a database.
    pub fn take_from_sink(&self, sink: &mut SinkRow) {
        let Some(moved) = self.sinks.get(&sink.name) else { return };
        sink.waiting = less(sink.waiting, moved.waiting);
        sink.sent = less(sink.sent, moved.sent);
        sink.dead = less(sink.dead, moved.dead);
        sink.dropped = less(sink.dropped, moved.dropped);
        sink.discarded = less(sink.discarded, moved.discarded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_they_were_written() {
        let key = TallyKey::new(TallyKind::Name, "web", "paid").into_owned();
        let mut tally = Counts::at(5);
        tally.add(1_700_000_000_000, 3, TallyKind::Name.kept());
        let totals = TotalsChange { stored: 3, ..TotalsChange::default() };
        let tallies = HashMap::from([(key.clone(), tally.clone())]);
        let counts = ChunkCounts::new(totals, BTreeMap::new(), BTreeMap::new(), tallies);
        let read: ChunkCounts =
            serde_json::from_str(&serde_json::to_string(&counts).unwrap()).unwrap();
        assert_eq!(read, counts);
        assert_eq!(read.tallies(|_| true), HashMap::from([(key, tally)]));
        assert!(read.tallies(|kind| kind == TallyKind::Stored).is_empty());
        // A record of before there were any.
        let old: ChunkCounts = serde_json::from_str(r#"{"events":1}"#).unwrap();
        assert_eq!(old, ChunkCounts::default());
    }
}
