//! Laws of the rules, on a model of a database that keeps what the rules write.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use lamplight_wire::Producer;
use lamplight_wire::batch::ProducerNote;
use lamplight_wire::event::Kind;
use lamplight_wire::reason::InvalidReason;
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    ClientIdOwner, ClientIdWrite, Delivery, Histories, History, Known, Payloads, RowProfile,
    StoredProfile, TotalsChange, VersionWrite, Wanted, Writes, decide, replay, wanted_for_replay,
};
use crate::store::ledger::Ledger;
use crate::store::{
    Applied, DeliveryState, EventColumns, EventIdentity, LatestVersion, Outcome, PayloadId, Plan,
    PlannedEvent, PlannedOutcome, Profile, ProfileKey, ProfileVersion, Replayed, Route, RowId,
    ShownProfile, Week,
};

/// What a database holds after it wrote what the rules decided.
#[derive(Debug, Default, Clone, PartialEq)]
struct Model {
    applied: BTreeMap<PayloadId, u64>,
    /// Rows, each with its name, its enrichment and its profile.
    rows: BTreeMap<RowId, (String, Option<String>, Option<String>)>,
    outcomes: BTreeMap<RowId, Outcome>,
    ledgers: BTreeMap<u128, Ledger>,
    client_ids: BTreeMap<(String, String), ClientIdOwner>,
    profiles: BTreeMap<String, (u64, Profile)>,
    /// What each version of a profile shows, in order.
    versions: BTreeMap<String, BTreeMap<u64, (ProfileVersion, ShownProfile)>>,
    deliveries: BTreeMap<(RowId, usize), DeliveryState>,
    totals: [i64; 7],
}

impl Model {
    fn apply(&mut self, plans: &[Arc<Plan>], routes: &[Route]) -> Vec<Applied> {
        let applied: Payloads = self.applied.keys().copied().collect();
        let known = self.known(Wanted::of(plans, &applied));
        let (writes, results) = decide(plans, applied, known, routes);
        self.write(writes);
        results
    }

    fn replay(&mut self, plans: &[Arc<Plan>], routes: &[Route]) -> Replayed {
        let histories: Histories =
            plans.iter().filter_map(|plan| Some((plan.payload, self.history(plan)?))).collect();
        let known = self.known(wanted_for_replay(plans, &histories));
        let (writes, done) = replay(plans, &histories, known, routes);
        self.write(writes);
        done
    }

    fn known<'a>(&self, wanted: Wanted<'a>) -> Known<'a> {
        let ledger =
            |producer: Producer| Some((producer, self.ledgers.get(&producer.bits())?.clone()));
        let mut known = Known {
            ledgers: wanted.producers.into_iter().filter_map(ledger).collect(),
            ..Known::default()
        };
        for key in wanted.client_ids {
            let found = self.client_ids.get(&(key.source.to_owned(), key.id.to_owned()));
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
            self.ledgers.insert(it.producer.bits(), it.ledger);
        }
        for ClientIdWrite { key, owner, .. } in writes.client_ids {
            let key = (key.source.to_owned(), key.id.to_owned());
            let before = self.client_ids.insert(key, owner);
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

    /// Holds the totals against the rows, outcomes and ledgers.
    fn check(&self) {
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
    }
}

/// What one event of a generated payload is.
type Event = (u8, u64, bool, u8);

fn event() -> impl Strategy<Value = Event> {
    (0_u8..4, 1_u64..9, prop::bool::weighted(0.8), 0_u8..4)
}

fn planned(index: usize, payload: u128, event: Event, is_fixed: bool) -> PlannedEvent {
    let (kind, number, is_good, extra) = event;
    let id = RowId(Uuid::from_u128(payload << 16 | index as u128));
    let identity = match kind {
        0 | 1 => EventIdentity::Numbered(Producer::from_bits(u128::from(kind) + 1), number),
        2 => EventIdentity::ClientId(format!("id{number}")),
        _ => EventIdentity::Anonymous,
    };
    let outcome = if is_good || is_fixed {
        PlannedOutcome::Store(Box::new(EventColumns {
            kind: if extra == 1 { Kind::Critical } else { Kind::Default },
            name: if extra == 0 { "identify".into() } else { "e".into() },
            ts_ms: None,
            time_ms: i64::try_from(number).unwrap(),
            user_id: (extra < 2).then(|| format!("u{}", number % 2)),
            anonymous_id: None,
            session: None,
            properties_json: Some(format!(r#"{{"n":{number}}}"#)),
            context_json: (extra == 3).then(|| r#"{"gpc":true}"#.to_owned()),
            monitor_json: None,
            enrichment_json: is_fixed.then(|| "{}".to_owned()),
        }))
    } else {
        let detail = "no name".to_owned();
        let content = Box::default();
        PlannedOutcome::Refuse { reason: InvalidReason::NameMissing, detail, content }
    };
    PlannedEvent { id, index: u32::try_from(index).unwrap(), identity, outcome }
}

/// The plans of payloads. In the fixed ones, as a later version would make them, every event can
/// be stored.
fn plans(payloads: &[Vec<Event>], is_fixed: bool) -> Vec<Arc<Plan>> {
    let plan = |(number, events): (usize, &Vec<Event>)| {
        let payload = number as u128 + 1;
        let note = ProducerNote {
            next: 6,
            dropped: vec![("quota".to_owned(), [(3, 4)].into_iter().collect())],
        };
        let events = events.iter().enumerate();
        Arc::new(Plan {
            payload: PayloadId(Uuid::from_u128(payload)),
            received_ms: i64::try_from(number).unwrap(),
            created_day: 1,
            source: "web".into(),
            attempt: 1,
            notes: if number % 2 == 0 { vec![(Producer::from_bits(1), note)] } else { Vec::new() },
            events: events.map(|(at, event)| planned(at, payload, *event, is_fixed)).collect(),
        })
    };
    payloads.iter().enumerate().map(plan).collect()
}

fn routes() -> [Route; 2] {
    [vec![Kind::Default], vec![Kind::Default, Kind::Critical]].map(|types| Route {
        sink: "s".into(),
        kind: "file",
        types,
        only: Vec::new(),
        except: Vec::new(),
    })
}

fn payloads() -> impl Strategy<Value = Vec<Vec<Event>>> {
    prop::collection::vec(prop::collection::vec(event(), 0..6), 1..8)
}

proptest! {
    #[test]
    fn batches_of_any_size_decide_the_same(payloads in payloads(), size in 1_usize..8) {
        let (plans, routes) = (plans(&payloads, false), routes());
        let (mut whole, mut parts) = (Model::default(), Model::default());
        let at_once = whole.apply(&plans, &routes);
        let in_parts: Vec<_> =
            plans.chunks(size).flat_map(|part| parts.apply(part, &routes)).collect();
        prop_assert_eq!(at_once, in_parts);
        whole.check();
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn applying_again_changes_nothing(payloads in payloads()) {
        let (plans, routes) = (plans(&payloads, false), routes());
        let mut model = Model::default();
        model.apply(&plans, &routes);
        let before = model.clone();
        let twice = [plans.clone(), plans].concat();
        prop_assert!(model.apply(&twice, &routes).iter().all(|applied| applied.already));
        prop_assert_eq!(model, before);
    }

    #[test]
    fn an_id_has_a_row_if_any_of_its_arrivals_can_be_stored_and_never_two(
        payloads in payloads(),
        size in 1_usize..8,
        is_replayed: bool,
    ) {
        let (first, fixed) = (plans(&payloads, false), plans(&payloads, true));
        let mut model = Model::default();
        for part in first.chunks(size) {
            model.apply(part, &routes());
        }
        if is_replayed {
            model.replay(&fixed, &routes());
        }
        let mut rows: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
        for event in first.iter().flat_map(|plan| &plan.events) {
            if let EventIdentity::ClientId(id) = &event.identity {
                let (is_good, count) = rows.entry(id).or_default();
                *is_good |= is_replayed || event.columns().is_some();
                *count += usize::from(model.rows.contains_key(&event.id));
            }
        }
        for (id, (is_good, count)) in rows {
            prop_assert_eq!(count, usize::from(is_good), "{}", id);
        }
    }

    #[test]
    fn an_event_has_one_row_and_one_delivery_for_each_sink_however_often_it_is_replayed(
        payloads in payloads(),
        size in 1_usize..8,
    ) {
        let routes = routes();
        let (first, fixed) = (plans(&payloads, false), plans(&payloads, true));
        let mut model = Model::default();
        model.apply(&first, &routes);
        let (rows, ledgers) = (model.rows.len() as u64, model.ledgers.clone());
        let mut accepted = 0;
        for part in fixed.chunks(size) {
            accepted += model.replay(part, &routes).accepted;
        }
        prop_assert_eq!(model.rows.len() as u64, rows + accepted);
        prop_assert_eq!(&model.ledgers, &ledgers, "no arrival is new");
        model.check();
        let before = model.clone();
        let again = model.replay(&fixed, &routes);
        prop_assert_eq!((again.restored, again.accepted), (0, 0));
        prop_assert_eq!(&model, &before);
        // Rows that are deleted by hand come back, and owe nothing again.
        let deliveries = model.deliveries.clone();
        let gone: Vec<RowId> = model.rows.keys().copied().step_by(2).collect();
        for id in &gone {
            model.rows.remove(id);
        }
        prop_assert_eq!(model.replay(&fixed, &routes).restored, gone.len() as u64);
        prop_assert_eq!(model.rows.len(), before.rows.len());
        prop_assert_eq!(model.deliveries, deliveries);
    }
}

#[test]
fn a_user_who_opted_out_of_sharing_is_delivered_to_no_sink() {
    let mut model = Model::default();
    model.apply(&plans(&[vec![(3, 1, true, 3), (3, 1, true, 2)]], false), &routes());
    let states: Vec<DeliveryState> = model.deliveries.values().copied().collect();
    let (dropped, queued) = (DeliveryState::Dropped, DeliveryState::Queued);
    assert_eq!(states, [dropped, dropped, queued, queued]);
}

#[test]
fn a_refused_arrival_is_not_accepted_once_another_arrival_has_its_id() {
    let mut model = Model::default();
    let (refused, stored) = ((2, 1, false, 2), (2, 1, true, 2));
    let payloads = [vec![refused], vec![stored]];
    let (first, fixed) = (plans(&payloads, false), plans(&payloads, true));
    model.apply(&first[..1], &routes());
    // Retention has pruned the id.
    model.client_ids.clear();
    model.apply(&first[1..], &routes());
    assert_eq!(model.replay(&fixed, &routes()).accepted, 0);
    assert_eq!(model.rows.len(), 1);
}
