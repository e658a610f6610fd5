//! What moved rows count as: it is added in the target, and taken from the source.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use deadpool_postgres::Transaction;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

use super::copy::SINKS;
use crate::store::apply::{SourceChange, TotalsChange};
use crate::store::postgres::apply::{sources, totals};
use crate::store::postgres::columns::{get, int, text};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::deliveries::sinks;
use crate::store::postgres::tallies::moved::{self, MovedTally};
use crate::store::tally::{ErrorStage, SampleKind, TallyKey, TallyKind, is_sampled};
use crate::store::{ChunkCounts, Counts, ErrorSample, SinkMove};
use lamplight_wire::reason::InvalidReason;

/// With this many tallies, what is added to them is written.
const TALLIES_MAX: usize = 20_000;

/// Takes counts from marks.
const UNMARK: &str = "UPDATE applied AS a SET stored = a.stored - n.stored, duplicates = a.duplicates - n.duplicates, \
     invalid = a.invalid - n.invalid FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[]) \
       AS n (payload_id, stored, duplicates, invalid) WHERE a.payload_id = n.payload_id";
/// Adds counts to marks. One that says nothing of buckets is about all of its payload.
const MARK: &str = "INSERT INTO applied AS a (payload_id, stored, duplicates, invalid, buckets, applied_ms, attempt) \
     SELECT payload_id, stored, duplicates, invalid, buckets::smallint[], applied_ms, attempt \
     FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $5::text[], $6::bigint[], $7::integer[]) \
       AS n (payload_id, stored, duplicates, invalid, buckets, applied_ms, attempt) ORDER BY payload_id \
     ON CONFLICT (payload_id) DO UPDATE SET stored = a.stored + excluded.stored, \
       duplicates = a.duplicates + excluded.duplicates, invalid = a.invalid + excluded.invalid, \
       buckets = CASE WHEN a.buckets IS NOT NULL THEN a.buckets || excluded.buckets END";
const MARKED: &str =
    "SELECT payload_id, applied_ms, attempt FROM applied WHERE payload_id = ANY ($1)";

/// How many rows of each kind were moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedCounts {
    /// Events.
    pub events: u64,
    /// Arrivals that were not stored.
    pub outcomes: u64,
    /// Ledgers.
    pub producers: u64,
    /// Deliveries that wait, are dead or were discarded.
    pub deliveries: u64,
}

/// One of the counts of a sink.
pub(super) type SinkCount = fn(&mut SinkMove) -> &mut i64;

/// What is moved of one payload.
#[derive(Debug, Default)]
struct Mark {
    stored: u64,
    duplicates: u64,
    invalid: u64,
    buckets: BTreeSet<i16>,
}

/// An event that moves.
#[derive(Debug)]
pub(super) struct MovedEvent<'a> {
    pub(super) source: &'a str,
    pub(super) name: &'a str,
    pub(super) received_ms: i64,
    pub(super) has_number: bool,
    pub(super) payload: Uuid,
    pub(super) bucket: i16,
    /// `None` if nobody looks at them.
    pub(super) properties: Option<&'a str>,
}

/// An arrival that was not stored and moves.
#[derive(Debug)]
pub(super) struct MovedOutcome<'a> {
    pub(super) id: Uuid,
    pub(super) is_duplicate: bool,
    pub(super) reason: Option<&'a str>,
    pub(super) detail: Option<&'a str>,
    pub(super) source: &'a str,
    pub(super) received_ms: i64,
    pub(super) has_number: bool,
    pub(super) payload: Uuid,
    pub(super) bucket: i16,
}

/// What rows count as that were seen so far.
#[derive(Debug)]
pub(super) struct Counted {
    /// 1 where they come to, and -1 where they leave.
    sign: i64,
    pub(super) moved: MovedCounts,
    totals: TotalsChange,
    sources: HashMap<String, SourceChange>,
    sinks: BTreeMap<i32, SinkMove>,
    marks: HashMap<Uuid, Mark>,
    tallies: HashMap<TallyKey<'static>, MovedTally>,
    /// What was added to tallies, as they were written.
    written: HashMap<TallyKey<'static>, Counts>,
    /// How many events of each name were looked at, and how many there were.
    passed: HashMap<TallyKey<'static>, (u64, u64)>,
}

impl Counted {
    fn new(sign: i64) -> Self {
        Self {
            sign,
            moved: MovedCounts::default(),
            totals: TotalsChange::default(),
            sources: HashMap::new(),
            sinks: BTreeMap::new(),
            marks: HashMap::new(),
            tallies: HashMap::new(),
            written: HashMap::new(),
            passed: HashMap::new(),
        }
    }

    /// For the target.
    pub(super) fn added() -> Self {
        Self::new(1)
    }

    /// For the source.
    pub(super) fn taken() -> Self {
        Self::new(-1)
    }

    pub(super) fn event(&mut self, event: &MovedEvent<'_>) {
        self.moved.events += 1;
        self.totals.stored += self.sign;
        self.totals.unnumbered += if event.has_number { 0 } else { self.sign };
        let mark = self.marks.entry(event.payload).or_default();
        mark.stored += 1;
        mark.buckets.insert(event.bucket);
        let name = TallyKey::new(TallyKind::Name, event.source, event.name);
        if self.sign > 0 {
            self.look(&name, event);
        }
        self.count(TallyKey::new(TallyKind::Stored, event.source, ""), event.received_ms);
        self.count(name, event.received_ms);
    }

    /// Looks at the properties of some events, as a server does.
    fn look(&mut self, name: &TallyKey<'_>, event: &MovedEvent<'_>) {
        let (sampled, passed) = self.passed.entry(name.clone().into_owned()).or_default();
        let is_looked_at = is_sampled(*sampled, *passed);
        *passed += 1;
        if is_looked_at {
            *sampled += 1;
            let tally = self.tallies.entry(name.clone().into_owned()).or_default();
            let facts = tally.facts.get_or_insert_default();
            facts.look(event.properties, event.received_ms);
        }
    }

    pub(super) fn outcome(&mut self, outcome: &MovedOutcome<'_>) {
        self.moved.outcomes += 1;
        let mark = self.marks.entry(outcome.payload).or_default();
        mark.buckets.insert(outcome.bucket);
        if outcome.is_duplicate {
            mark.duplicates += 1;
            self.totals.duplicates += self.sign;
            let key = TallyKey::new(TallyKind::Duplicates, outcome.source, "");
            return self.count(key, outcome.received_ms);
        }
        mark.invalid += 1;
        self.totals.invalid += self.sign;
        // Numbers that are too scattered are in no ledger.
        let is_scattered = outcome.reason == Some(InvalidReason::ProducerInvalid.code());
        if !outcome.has_number || is_scattered {
            self.totals.unnumbered += self.sign;
        }
        self.count(TallyKey::new(TallyKind::Invalid, outcome.source, ""), outcome.received_ms);
        if let Some(reason) = outcome.reason {
            let key = TallyKey::new(TallyKind::Error(ErrorStage::Event), outcome.source, reason);
            if self.sign > 0 {
                let of = Some((SampleKind::Event, outcome.id));
                let sample = ErrorSample::new(of, outcome.detail.unwrap_or_default());
                self.tallies.entry(key.clone().into_owned()).or_default().sample = Some(sample);
            }
            self.count(key, outcome.received_ms);
        }
    }

    /// A ledger: its source, and how many numbers were made, received, declared and are missing.
    pub(super) fn producer(&mut self, source: &str, [made, received, declared, missing]: [i64; 4]) {
        self.moved.producers += 1;
        let sign = self.sign;
        self.totals.made += sign * made;
        self.totals.declared += sign * declared;
        self.totals.missing += sign * missing;
        let change = self.sources.entry(source.to_owned()).or_default();
        change.producers += sign;
        change.made += sign * made;
        change.received += sign * received;
        change.declared += sign * declared;
        change.missing += sign * missing;
    }

    /// Deliveries of a sink: one that waits, is dead, or was discarded.
    pub(super) fn delivery(&mut self, sink: i32, of: SinkCount) {
        self.moved.deliveries += 1;
        *of(self.sinks.entry(sink).or_default()) += self.sign;
    }

    fn count(&mut self, key: TallyKey<'_>, at_ms: i64) {
        let kept = key.kind.kept();
        let tally = self.tallies.entry(key.into_owned()).or_default();
        if tally.counts.total() == 0 {
            tally.counts = Counts::at(at_ms);
        }
        tally.counts.add_unordered(at_ms, 1, kept);
    }

    /// Whether so much was counted that it must be written.
    pub(super) fn is_full(&self) -> bool {
        self.tallies.len() >= TALLIES_MAX
    }

    /// Writes what was added to tallies.
    pub(super) async fn write_tallies(
        &mut self,
        transaction: &Transaction<'_>,
    ) -> Result<(), Failure> {
        let merged =
            moved::merge(transaction, self.sign, std::mem::take(&mut self.tallies)).await?;
        for (key, counts) in merged {
            match self.written.entry(key) {
                Entry::Vacant(entry) => drop(entry.insert(counts)),
                Entry::Occupied(mut entry) => {
                    let kept = entry.key().kind.kept();
                    entry.get_mut().merge(&counts, 1, kept);
                }
            }
        }
        Ok(())
    }

    /// Writes everything that is left. Counts that other transactions add to come last.
    pub(super) async fn write(
        mut self,
        transaction: &Transaction<'_>,
        source: &Transaction<'_>,
    ) -> Result<(MovedCounts, ChunkCounts), Failure> {
        self.write_marks(transaction, source).await?;
        self.write_tallies(transaction).await?;
        sources::add(transaction, &self.sources).await?;
        totals::add(transaction, &self.totals).await?;
        let names = sink_names(transaction).await?;
        let with_name = |(sink, moved): (&i32, &SinkMove)| Some((names.get(sink)?.clone(), *moved));
        let by_name = self.sinks.iter().filter_map(with_name).collect();
        let sources = self.sources.into_iter().collect();
        let counts = ChunkCounts::new(self.totals, sources, by_name, self.written);
        sinks::count(transaction, &self.sinks.into_iter().collect::<Vec<_>>()).await?;
        Ok((self.moved, counts))
    }

    async fn write_marks(
        &mut self,
        transaction: &Transaction<'_>,
        source: &Transaction<'_>,
    ) -> Result<(), Failure> {
        let mut marks: Vec<(Uuid, Mark)> = self.marks.drain().collect();
        marks.sort_unstable_by_key(|(payload, _)| *payload);
        for marks in marks.chunks(2_000) {
            let ids: Vec<Uuid> = marks.iter().map(|(payload, _)| *payload).collect();
            let number = |of: fn(&Mark) -> u64| -> Vec<i32> {
                marks.iter().map(|(_, mark)| int(of(mark))).collect()
            };
            let stored = number(|it| it.stored);
            let (duplicates, invalid) = (number(|it| it.duplicates), number(|it| it.invalid));
            if self.sign < 0 {
                transaction.execute(UNMARK, &[&ids, &stored, &duplicates, &invalid]).await?;
                continue;
            }
            let mut marked = HashMap::<Uuid, (i64, i32)>::new();
            for row in source.query(MARKED, &[&ids]).await? {
                marked.insert(get(&row, 0)?, (get(&row, 1)?, get(&row, 2)?));
            }
            let of = |id: &Uuid| marked.get(id).copied().unwrap_or((0, 1));
            let applied_ms: Vec<i64> = ids.iter().map(|id| of(id).0).collect();
            let attempts: Vec<i32> = ids.iter().map(|id| of(id).1).collect();
            let text = |mark: &Mark| {
                let numbers: Vec<String> = mark.buckets.iter().map(ToString::to_string).collect();
                format!("{{{}}}", numbers.join(","))
            };
            let buckets: Vec<String> = marks.iter().map(|(_, mark)| text(mark)).collect();
            transaction
                .execute(
                    MARK,
                    &[&ids, &stored, &duplicates, &invalid, &buckets, &applied_ms, &attempts],
                )
                .await?;
        }
        Ok(())
    }
}

/// The names of sinks, by their numbers.
async fn sink_names(transaction: &Transaction<'_>) -> Result<HashMap<i32, String>, Failure> {
    let named = |row: &Row| Ok((get(row, 0)?, text(row, 1)?));
    transaction.query(SINKS, &[]).await?.iter().map(named).collect()
}
