//! Tallies.

use std::collections::{BTreeMap, HashMap};

use lamplight_server::store::apply::Writes;
use lamplight_server::store::tally::{
    OVERFLOW, TallyChange, TallyKey, TallyKind, TallyOwner, counted_rows, is_sampled,
    occurrence_change,
};
use lamplight_server::store::{
    Answer, CatalogueName, CataloguePage, CatalogueQuery, Counts, ErrorGroup, ErrorPage,
    ErrorQuery, ErrorSample, NameProperties, Occurrence, PropertyFacts, Tallies, Traffic,
    TrafficQuery, Week,
};

use super::events::MemoryEvents;
use super::tables::answer;

/// What is counted.
#[derive(Clone, Default)]
pub(super) struct TallyTables {
    rows: BTreeMap<TallyKey<'static>, TallyRow>,
    counted: HashMap<TallyOwner, usize>,
}

#[derive(Clone, Default)]
struct TallyRow {
    counts: Counts,
    facts: PropertyFacts,
    passed: u64,
    sample: Option<(Week, ErrorSample)>,
}

impl TallyTables {
    pub(super) fn add_writes(&mut self, writes: &Writes<'_>) {
        self.add(&TallyChange::of(writes));
        for (row, _) in counted_rows(writes) {
            let key = TallyKey::new(TallyKind::Name, &row.plan.source, &row.columns.name);
            if let Some(tally) = self.rows.get_mut(&key.into_owned()) {
                if is_sampled(tally.facts.sampled, tally.passed) {
                    let properties = row.columns.properties_json.as_deref();
                    tally.facts.look(properties, row.plan.received_ms);
                }
                tally.passed += 1;
            }
        }
    }

    pub(super) fn add(&mut self, change: &TallyChange<'_>) {
        for (key, seen) in &change.seen {
            let mut own = key.clone().into_owned();
            if !self.rows.contains_key(&own) {
                let counted = self.counted.entry(own.counted_for()).or_default();
                own = own.admitted(*counted);
                if own.label != OVERFLOW && !self.rows.contains_key(&own) {
                    *counted += 1;
                }
            }
            let kind = own.kind;
            let row = self.rows.entry(own).or_insert_with(|| TallyRow {
                counts: Counts::at(seen.first_ms),
                ..TallyRow::default()
            });
            seen.add_to(&mut row.counts, kind);
            if let Some(sample) = change.samples.get(key) {
                row.sample = Some((Week::of_ms(seen.last_ms), sample.clone()));
            }
        }
    }

    pub(super) fn prune(&mut self, week: Week) {
        for row in self.rows.values_mut() {
            row.facts.forget_before(week);
            row.sample = row.sample.take().filter(|(of, _)| *of >= week);
        }
    }

    fn names(&self, query: &CatalogueQuery) -> CataloguePage {
        let names = self.rows.iter().filter(|(key, _)| key.kind == TallyKind::Name);
        let wanted = names.filter(|(key, _)| query.wants(&key.owner, &key.label));
        let page = wanted.take(query.limit as usize + 1).map(name).collect();
        CataloguePage::new(page, query.limit)
    }
}

fn name((key, row): (&TallyKey<'static>, &TallyRow)) -> CatalogueName {
    let (source, name) = (key.owner.to_string(), key.label.to_string());
    CatalogueName { source, name, counts: row.counts.clone() }
}

impl Tallies for MemoryEvents {
    fn record(&self, occurrences: Vec<Occurrence>) -> Answer<'_, ()> {
        answer(self.tables.write(|tables| {
            tables.tallies.add(&occurrence_change(&occurrences));
            Ok(())
        }))
    }

    fn names(&self, query: CatalogueQuery) -> Answer<'_, CataloguePage> {
        answer(self.tables.read(|tables| tables.tallies.names(&query)))
    }

    fn properties(&self, source: String, label: String) -> Answer<'_, Option<NameProperties>> {
        answer(self.tables.read(|tables| {
            let key = TallyKey::new(TallyKind::Name, &source, &label).into_owned();
            let found = tables.tallies.rows.get_key_value(&key);
            found.map(|(key, row)| NameProperties {
                name: name((key, row)),
                facts: row.facts.clone(),
            })
        }))
    }

    fn traffic(&self, query: TrafficQuery) -> Answer<'_, Traffic> {
        answer(self.tables.read(|tables| {
            let rows = tables.tallies.rows.iter();
            let of_sources = rows.filter(|(key, _)| {
                matches!(key.kind, TallyKind::Stored | TallyKind::Duplicates | TallyKind::Invalid)
            });
            query.add_up(
                of_sources.map(|(key, row)| (key.kind, key.owner.to_string(), row.counts.clone())),
            )
        }))
    }

    fn errors(&self, query: ErrorQuery) -> Answer<'_, ErrorPage> {
        answer(self.tables.read(|tables| {
            query.page(tables.tallies.rows.iter().filter_map(|(key, row)| {
                let TallyKind::Error(stage) = key.kind else { return None };
                Some(ErrorGroup {
                    stage,
                    code: key.label.to_string(),
                    owner: key.owner.to_string(),
                    counts: row.counts.clone(),
                    sample: row.sample.as_ref().map(|(_, sample)| sample.clone()),
                    number: 0,
                })
            }))
        }))
    }
}
