//! A model of a database that keeps what the rules write.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use lamplight_wire::Producer;

use super::super::{
    ClientIdKey, ClientIdOwner, ClientIdWrite, Delivery, ForgetWrites, Histories, History, Known,
    LedgerKey, Payloads, RowProfile, SourceChange, StoredLedger, StoredProfile, TotalsChange,
    VersionWrite, Wanted, Writes, decide, replay, wanted_for_replay,
};
use crate::store::ledger::{Ledger, SHARED};
use crate::store::{
    Applied, DeliveryState, Forgotten, LatestVersion, Outcome, PayloadId, Plan, Profile,
    ProfileKey, ProfileVersion, Replayed, Route, RowId, ShownProfile, Week,
};

/// What a database holds after it wrote what the rules decided.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Model {
    pub(super) applied: BTreeMap<PayloadId, u64>,
    /// Rows, each with its name, its enrichment and its profile.
    pub(super) rows: BTreeMap<RowId, (String, Option<String>, Option<String>)>,
    pub(super) outcomes: BTreeMap<RowId, Outcome>,
    pub(super) ledgers: BTreeMap<(String, u128), Ledger>,
    pub(super) client_ids: BTreeMap<(String, bool, String), ClientIdOwner>,
    pub(super) profiles: BTreeMap<String, (u64, Profile)>,
    /// What each version of a profile shows, in order.
    pub(super) versions: BTreeMap<String, BTreeMap<u64, (ProfileVersion, ShownProfile)>>,
    pub(super) deliveries: BTreeMap<(RowId, usize), DeliveryState>,
    pub(super) totals: [i64; 7],
    pub(super) sources: BTreeMap<String, SourceChange>,
}

impl Model {
    pub(super) fn apply(&mut self, plans: &[Arc<Plan>], routes: &[Route]) -> Vec<Applied> {
        let applied: Payloads = self.applied.keys().copied().collect();
        let known = self.known(Wanted::of(plans, &applied));
        let (writes, results) = decide(plans, applied, known, routes);
        self.write(writes);
        results
    }

    pub(super) fn replay(&mut self, plans: &[Arc<Plan>], routes: &[Route]) -> Replayed {
        let histories: Histories =
            plans.iter().filter_map(|plan| Some((plan.payload, self.history(plan)?))).collect();
        let known = self.known(wanted_for_replay(plans, &histories));
        let (writes, done) = replay(plans, &histories, known, routes);
        self.write(writes);
        done
    }

    fn known<'a>(&self, wanted: Wanted<'a>) -> Known<'a> {
        let ledger = |key: LedgerKey<'a>| {
            [key, LedgerKey::shared(key.producer)].into_iter().find_map(|key| {
                let ledger = self.ledgers.get(&(key.scope.to_owned(), key.producer.bits()))?;
                Some((key, StoredLedger::new(ledger.clone())))
            })
        };
        let mut known = Known {
            ledgers: wanted.ledgers.into_iter().filter_map(ledger).collect(),
            ..Known::default()
        };
        for key in wanted.client_ids {
            let found = self.client_ids.get(&owned(&key));
            known.client_ids.extend(found.map(|owner| (key, *owner)));
        }
        for key in wanted.profiles {
            known.profiles.extend(self.profile(key, &wanted.words).map(|it| (key, it)));
        }
        known
    }

    /// A profile, with no more than the rules ask for.
    fn profile(
        &self,
        key: ProfileKey<'_>,
        words: &HashSet<ProfileKey<'_>>,
    ) -> Option<StoredProfile> {
        let (revision, profile) = self.profiles.get(&key.to_string())?;
        let versions = self.versions.get(&key.to_string());
        let latest = versions.and_then(|it| it.last_key_value()).map(|(_, (version, shown))| {
            let ProfileVersion { revision, base, changed_bytes, .. } = *version;
            LatestVersion { revision, base, changed_bytes, shown: Some(shown.clone()) }
        });
        let mut stored = StoredProfile {
            revision: *revision,
            is_empty: profile.shown().is_empty(),
            week: Week::of_ms(0),
            latest,
            words: None,
        };
        if stored.needs_version() || words.contains(&key) {
            stored.words = Some(profile.clone());
        } else if let Some(latest) = &mut stored.latest {
            latest.shown = None;
        }
        Some(stored)
    }

    fn history(&self, plan: &Plan) -> Option<History> {
        let ids = || plan.events.iter().map(|event| event.id);
        let outcome = |id: RowId| Some((id, *self.outcomes.get(&id)?));
        Some(History {
            not_stored: *self.applied.get(&plan.payload)?,
            outcomes: ids().filter_map(outcome).collect::<HashMap<_, _>>(),
            rows: ids().filter(|id| self.rows.contains_key(id)).collect(),
        })
    }

    fn write(&mut self, writes: Writes<'_>) {
        for payload in &writes.payloads {
            let not_stored = payload.applied.duplicates + payload.applied.invalid;
            assert_eq!(self.applied.insert(payload.plan.payload, not_stored), None);
        }
        for VersionWrite { key, version } in &writes.versions {
            let versions = self.versions.entry(key.to_string()).or_default();
            let mut shown = ShownProfile::default();
            if version.base != version.revision {
                let (before, (_, last)) = versions.last_key_value().unwrap();
                assert!(
                    version.base <= *before,
                    "a change follows the version that it begins with"
                );
                shown = last.clone();
            }
            shown.change(ShownProfile::read(&version.json));
            let written = versions.insert(version.revision, (version.clone(), shown));
            assert!(written.is_none(), "a version is written once");
        }
        for row in &writes.rows {
            let columns = row.columns;
            let shown =
                |it: RowProfile<'_>| self.versions[&it.key.to_string()][&it.revision].1.json();
            let profile = row.profile.map(shown);
            let written = (columns.name.clone(), columns.enrichment_json.clone(), profile);
            assert_eq!(self.rows.insert(row.event.id, written), None, "one row for each event");
        }
        for refused in &writes.not_stored {
            assert_eq!(self.outcomes.insert(refused.event.id, refused.outcome), None);
        }
        for (plan, id) in &writes.accepted {
            assert_eq!(self.outcomes.remove(id), Some(Outcome::Invalid));
            *self.applied.get_mut(&plan.payload).unwrap() -= 1;
        }
        for (id, columns) in &writes.rewrites {
            self.rows.get_mut(id).unwrap().1.clone_from(&columns.enrichment_json);
        }
        for it in writes.ledgers {
            assert_eq!(it.sums, it.ledger.sums());
            let scope = it.ledger.scope().to_owned();
            self.ledgers.insert((scope, it.producer.bits()), it.ledger);
        }
        self.count_sources(writes.sources);
        for ClientIdWrite { key, owner, .. } in writes.client_ids {
            let before = self.client_ids.insert(owned(&key), owner);
            assert!(before.is_none_or(|owner| owner.is_refused), "an id belongs to one row");
        }
        for it in writes.profiles {
            let (revision, profile) = self.profiles.entry(it.key.to_string()).or_default();
            let mut words = profile.words().clone();
            for (name, word) in it.words {
                match word {
                    Some(word) => words.insert(name, word),
                    None => words.remove(&name),
                };
            }
            (*revision, *profile) = (it.revision, Profile::of_words(words));
            assert_eq!(profile.shown().is_empty(), it.is_empty);
        }
        for Delivery { event, route, state, .. } in writes.deliveries {
            self.deliveries.entry((event, route)).or_insert(state);
        }
        self.count(writes.totals);
    }

    fn count(&mut self, change: TotalsChange) {
        let TotalsChange { stored, duplicates, invalid, unnumbered, made, declared, missing } =
            change;
        let changes = [stored, duplicates, invalid, unnumbered, made, declared, missing];
        self.totals.iter_mut().zip(changes).for_each(|(total, change)| *total += change);
    }

    fn count_sources(&mut self, changes: HashMap<String, SourceChange>) {
        for (source, change) in changes {
            let SourceChange { producers, made, received, declared, missing } =
                self.sources.entry(source).or_default();
            *producers += change.producers;
            *made += change.made;
            *received += change.received;
            *declared += change.declared;
            *missing += change.missing;
        }
    }

    pub(super) fn forget(&mut self, source: &str) -> Forgotten {
        let mut writes = ForgetWrites::default();
        for ((_, producer), ledger) in self.ledgers.iter().filter(|(_, it)| it.source == source) {
            writes.forget(Producer::from_bits(*producer), StoredLedger::new(ledger.clone()));
        }
        for (producer, is_shared) in writes.deleted {
            let scope = if is_shared { SHARED } else { source };
            self.ledgers.remove(&(scope.to_owned(), producer.bits())).unwrap();
        }
        for it in writes.ledgers {
            self.ledgers.insert((it.ledger.scope().to_owned(), it.producer.bits()), it.ledger);
        }
        self.count_sources(writes.sources);
        self.count(writes.totals);
        writes.forgotten
    }

    /// Holds the totals against the rows, outcomes and ledgers.
    pub(super) fn check(&self) {
        let count = |outcome: Outcome| {
            i64::try_from(self.outcomes.values().filter(|it| **it == outcome).count()).unwrap()
        };
        let [stored, duplicates, invalid, _, made, declared, missing] = self.totals;
        assert_eq!(stored, i64::try_from(self.rows.len()).unwrap());
        assert_eq!(duplicates, count(Outcome::Duplicate));
        assert_eq!(invalid, count(Outcome::Invalid));
        let sum = |of: fn(crate::store::ledger::Sums) -> u64| {
            self.ledgers.values().map(|ledger| of(ledger.sums()).cast_signed()).sum::<i64>()
        };
        let sums = (sum(|it| it.made), sum(|it| it.declared), sum(|it| it.missing));
        assert_eq!((made, declared, missing), sums);
        let mut sources = BTreeMap::<String, SourceChange>::new();
        for ledger in self.ledgers.values() {
            let change = sources.entry(ledger.source.clone()).or_default();
            change.add(crate::store::ledger::Sums::default(), ledger.sums(), 1);
        }
        let mut counted = self.sources.clone();
        counted.retain(|_, change| change.producers > 0);
        assert_eq!(counted, sources);
    }
}

fn owned(key: &ClientIdKey<'_>) -> (String, bool, String) {
    (key.source.to_owned(), key.is_secret, key.id.to_owned())
}
