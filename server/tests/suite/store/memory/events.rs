//! Writing events: the tables, and what applying, replaying and pruning change in them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use lamplight_server::store::apply::{
    self, ClientIdKey, ClientIdOwner, ClientIdWrite, ForgetWrites, History, Known, LedgerWrite,
    NewRow, ProfileWrite, SourceChange, StoredLedger, StoredProfile, TotalsChange, VersionWrite,
    Wanted, Writes,
};
use lamplight_server::store::ledger::Ledger;
use lamplight_server::store::week::first_row_at;
use lamplight_server::store::{
    Answer, Applied, EventRow, Events, Forgotten, Key, PayloadId, Plan, Profile, ProfileKey,
    ProfileNote, Pruned, RefusedEvent, Replayed, RetentionLimits, Route, RowId, SaidAt, SavedView,
    Session, ShownProfile, StoreError, Week,
};
use lamplight_wire::Producer;
use tokio::sync::watch;

use super::alerts::AlertTables;
use super::deliveries::DeliveryTables;
use super::rows::{event_row, refused_event};
use super::tables::{Tables, answer, conflict};
use super::tallies::TallyTables;
use super::trends::TrendTables;

/// What the events side keeps.
#[derive(Clone, Default)]
pub(super) struct EventTables {
    pub(super) rows: BTreeMap<RowId, Arc<EventRow>>,
    /// Arrivals that have no row.
    pub(super) refused: BTreeMap<RowId, RefusedEvent>,
    pub(super) applied: BTreeMap<PayloadId, AppliedMark>,
    /// The arrival that each client id belongs to, by source, kind of key and id, and when it was
    /// received.
    pub(super) client_ids: BTreeMap<(String, bool, String), (ClientIdOwner, i64)>,
    /// By producer and source.
    pub(super) ledgers: BTreeMap<(Producer, String), Ledger>,
    profiles: BTreeMap<String, ProfileMark>,
    pub(super) totals: TotalsChange,
    pub(super) sources: BTreeMap<String, SourceChange>,
    pub(super) weeks: BTreeMap<Week, WeekMark>,
    /// The first and the last row of each payload with rows, in the order in which they were
    /// applied.
    pub(super) recent: Vec<(RowId, RowId)>,
    pub(super) deliveries: DeliveryTables,
    pub(super) keys: Vec<Key>,
    pub(super) saved_views: BTreeMap<(String, String), SavedView>,
    pub(super) sessions: Vec<Session>,
    pub(super) trends: TrendTables,
    pub(super) alerts: AlertTables,
    pub(super) tallies: TallyTables,
}

/// A profile. Versions are not kept: each row has a copy.
#[derive(Clone)]
struct ProfileMark {
    revision: u64,
    week: Week,
    words: Profile,
}

/// That a payload was applied.
#[derive(Clone, Copy)]
pub(super) struct AppliedMark {
    pub(super) applied_ms: i64,
    pub(super) attempt: u32,
    not_stored: u64,
}

/// What is known of a week beside its rows.
#[derive(Clone, Copy, Default)]
pub(super) struct WeekMark {
    /// Events stored, minus those that were removed.
    pub(super) events: u64,
    pub(super) removed_events: u64,
    /// When its events were removed, if none came since.
    pub(super) removed_ms: Option<i64>,
}

/// One process's handle on the events side.
pub(super) struct MemoryEvents {
    pub(super) tables: Tables<EventTables>,
    pub(super) routes: Vec<Route>,
    pub(super) queued: watch::Sender<u64>,
    pub(super) changes: watch::Sender<u64>,
}

impl MemoryEvents {
    pub(super) fn open(tables: Arc<Mutex<EventTables>>, routes: Vec<Route>) -> Self {
        tables.lock().unwrap().deliveries.start(&routes);
        let (queued, changes) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { tables: Tables::open(tables), routes, queued, changes }
    }

    pub(super) fn wake_lanes(&self) {
        self.queued.send_modify(|count| *count += 1);
    }
}

fn client_id(key: &ClientIdKey<'_>) -> (String, bool, String) {
    (key.source.to_owned(), key.is_secret, key.id.to_owned())
}

/// What versions show that are written at once. Each profile begins with a whole one, because the
/// rules were told of none before.
fn shown_by<'a>(versions: &[VersionWrite<'a>]) -> HashMap<(ProfileKey<'a>, u64), String> {
    let (mut shown, mut last) = (HashMap::new(), HashMap::<_, String>::new());
    for VersionWrite { key, version } in versions {
        let before = last.get(key).filter(|_| version.base != version.revision);
        let texts = before.map(String::as_str).into_iter().chain([version.json.as_str()]);
        let text = ShownProfile::add_up(texts).unwrap();
        shown.insert((*key, version.revision), text.clone());
        last.insert(*key, text);
    }
    shown
}

/// The ids of the first and the last event of a payload.
fn span(plan: &Plan) -> Option<(RowId, RowId)> {
    plan.events.first().zip(plan.events.last()).map(|(first, last)| (first.id, last.id))
}

impl EventTables {
    /// Reads what is wanted.
    fn known<'a>(&self, wanted: Wanted<'a>) -> Known<'a> {
        let mut known = Known::default();
        for key in wanted.ledgers {
            let found = self.ledgers.get(&(key.producer, key.scope.to_owned()));
            known.ledgers.extend(found.map(|it| (key, StoredLedger::new(it.clone()))));
        }
        for key in wanted.client_ids {
            let found = self.client_ids.get(&client_id(&key));
            known.client_ids.extend(found.map(|(owner, _)| (key, *owner)));
        }
        for key in wanted.profiles {
            known.profiles.extend(self.profile(key).map(|profile| (key, profile)));
        }
        known
    }

    fn profile(&self, key: ProfileKey<'_>) -> Option<StoredProfile> {
        let ProfileMark { revision, week, words } = self.profiles.get(&key.to_string())?.clone();
        let is_empty = words.shown().is_empty();
        Some(StoredProfile { revision, is_empty, week, latest: None, words: Some(words) })
    }

    /// The row of an event, with the traits that are outdated by now.
    pub(super) fn row_to_deliver(&self, id: RowId) -> Option<EventRow> {
        let mut row = (**self.rows.get(&id)?).clone();
        let note = ProfileNote::read(&row.name, row.properties_json.as_deref());
        let key = ProfileKey::new(row.user_id.as_deref(), row.anonymous_id.as_deref());
        if let Some((note, profile)) = note.zip(key.and_then(|key| self.profile(key))) {
            let at = SaidAt::new(row.id, row.time_ms, row.received_ms);
            row.outdated_traits = profile.words.unwrap_or_default().outdated(&note, at);
        }
        Some(row)
    }

    /// How the events of those of `plans` ended that were applied and whose week was not removed.
    fn histories(&self, plans: &[Arc<Plan>]) -> HashMap<PayloadId, History> {
        let mut histories = HashMap::new();
        for plan in plans {
            let week = self.weeks.get(&Week::of_ms(plan.received_ms));
            let is_removed = week.is_some_and(|week| week.removed_ms.is_some());
            let Some(mark) = self.applied.get(&plan.payload).filter(|_| !is_removed) else {
                continue;
            };
            let mut history = History { not_stored: mark.not_stored, ..History::default() };
            if let Some((first, last)) = span(plan) {
                let refused = self.refused.range(first..=last);
                history.outcomes = refused.map(|(id, it)| (*id, it.outcome)).collect();
                history.rows = self.rows.range(first..=last).map(|(id, _)| *id).collect();
            }
            histories.insert(plan.payload, history);
        }
        histories
    }

    fn apply(
        &mut self,
        plans: &[Arc<Plan>],
        now_ms: i64,
        routes: &[Route],
    ) -> Result<Vec<Applied>, StoreError> {
        let applied: HashSet<PayloadId> = plans.iter().map(|plan| plan.payload).collect();
        let applied = applied.into_iter().filter(|id| self.applied.contains_key(id)).collect();
        let known = self.known(Wanted::of(plans, &applied));
        let (writes, results) = apply::decide(plans, applied, known, routes);
        self.write(&writes, now_ms, routes)?;
        Ok(results)
    }

    fn reapply(
        &mut self,
        plans: &[Arc<Plan>],
        now_ms: i64,
        routes: &[Route],
    ) -> Result<Replayed, StoreError> {
        let histories = self.histories(plans);
        let known = self.known(apply::wanted_for_replay(plans, &histories));
        let (writes, replayed) = apply::replay(plans, &histories, known, routes);
        self.write(&writes, now_ms, routes)?;
        Ok(replayed)
    }

    fn write(
        &mut self,
        writes: &Writes<'_>,
        now_ms: i64,
        routes: &[Route],
    ) -> Result<(), StoreError> {
        for payload in &writes.payloads {
            let (plan, applied) = (payload.plan, payload.applied);
            let not_stored = applied.duplicates + applied.invalid;
            let mark = AppliedMark { applied_ms: now_ms, attempt: plan.attempt, not_stored };
            self.applied.insert(plan.payload, mark);
            self.recent.extend(span(plan).filter(|_| applied.stored > 0));
            self.count_rows(plan, applied.stored);
        }
        let versions = shown_by(&writes.versions);
        let profile =
            |row: &NewRow<'_>| row.profile.map(|it| versions[&(it.key, it.revision)].clone());
        for row in &writes.rows {
            if self.rows.insert(row.event.id, Arc::new(event_row(row, profile(row)))).is_some() {
                return Err(conflict("write events", format!("row {} exists", row.event.id)));
            }
        }
        for arrival in &writes.not_stored {
            self.refused.insert(arrival.event.id, refused_event(arrival, now_ms));
        }
        for (plan, id) in &writes.accepted {
            self.refused.remove(id);
            self.count_rows(plan, 1);
            if let Some(mark) = self.applied.get_mut(&plan.payload) {
                mark.not_stored -= 1;
            }
        }
        for (id, columns) in &writes.rewrites {
            if let Some(row) = self.rows.get_mut(id) {
                let row = Arc::make_mut(row);
                (row.ts_ms, row.time_ms) = (columns.ts_ms, columns.time_ms);
                row.enrichment_json.clone_from(&columns.enrichment_json);
                if (&row.user_id, &row.anonymous_id) != (&columns.user_id, &columns.anonymous_id) {
                    row.user_id.clone_from(&columns.user_id);
                    row.anonymous_id.clone_from(&columns.anonymous_id);
                    row.profile_json = None;
                }
            }
        }
        for ClientIdWrite { key, owner, received_ms } in &writes.client_ids {
            let before = self.client_ids.insert(client_id(key), (*owner, *received_ms));
            assert!(before.is_none_or(|(owner, _)| owner.is_refused));
        }
        for write in &writes.profiles {
            let before = self.profiles.get(&write.key.to_string());
            let mut words = before.map(|it| it.words.words().clone()).unwrap_or_default();
            for (name, word) in &write.words {
                match word {
                    Some(word) => words.insert(name.clone(), word.clone()),
                    None => words.remove(name),
                };
            }
            let ProfileWrite { revision, week, .. } = *write;
            let mark = ProfileMark { revision, week, words: Profile::of_words(words) };
            self.profiles.insert(write.key.to_string(), mark);
        }
        for write in &writes.ledgers {
            self.put_ledger(write);
        }
        self.add_sources(&writes.sources);
        self.add_totals(writes.totals);
        for delivery in &writes.deliveries {
            self.deliveries.add(delivery, routes, now_ms, 0);
        }
        self.tallies.add_writes(writes);
        Ok(())
    }

    fn put_ledger(&mut self, write: &LedgerWrite) {
        self.ledgers
            .insert((write.producer, write.ledger.scope().to_owned()), write.ledger.clone());
    }

    fn add_sources(&mut self, changes: &HashMap<String, SourceChange>) {
        for (source, change) in changes {
            let counts = self.sources.entry(source.clone()).or_default();
            counts.producers += change.producers;
            counts.made += change.made;
            counts.received += change.received;
            counts.declared += change.declared;
            counts.missing += change.missing;
        }
    }

    fn forget(&mut self, source: &str) -> Forgotten {
        let mut writes = ForgetWrites::default();
        for ((producer, _), ledger) in self.ledgers.iter().filter(|(_, it)| it.source == source) {
            writes.forget(*producer, StoredLedger::new(ledger.clone()));
        }
        for (producer, _) in &writes.deleted {
            self.ledgers.remove(&(*producer, source.to_owned()));
        }
        for write in &writes.ledgers {
            self.put_ledger(write);
        }
        self.add_sources(&writes.sources);
        self.add_totals(writes.totals);
        writes.forgotten
    }

    /// Counts rows of a week, which has events again if it was removed before.
    fn count_rows(&mut self, plan: &Plan, rows: u64) {
        if rows > 0 {
            let week = self.weeks.entry(Week::of_ms(plan.received_ms)).or_default();
            (week.events, week.removed_ms) = (week.events + rows, None);
        }
    }

    fn add_totals(&mut self, change: TotalsChange) {
        let totals = &mut self.totals;
        totals.stored += change.stored;
        totals.duplicates += change.duplicates;
        totals.invalid += change.invalid;
        totals.unnumbered += change.unnumbered;
        totals.made += change.made;
        totals.declared += change.declared;
        totals.missing += change.missing;
    }

    fn prune(&mut self, keep: RetentionLimits) -> Pruned {
        let due = keep.weeks_to_remove(self.week_sizes());
        for week in &due {
            let mark = self.weeks.entry(*week).or_default();
            mark.removed_events += std::mem::take(&mut mark.events);
            mark.removed_ms = Some(keep.now_ms);
            self.rows.retain(|id, _| Week::of_row(*id) != *week);
        }
        let before = self.client_ids.len() + self.refused.len() + self.applied.len();
        self.client_ids.retain(|_, (_, received_ms)| *received_ms >= keep.client_ids_from_ms());
        let is_removed = |mark: &&WeekMark| mark.removed_ms.is_some();
        let oldest = self.weeks.iter().find(|(_, mark)| !is_removed(mark)).map(|(week, _)| *week);
        let removed = self.weeks.iter().rfind(|(_, mark)| is_removed(mark)).map(|(week, _)| *week);
        let mut rows = 0;
        if let Some(from_ms) = keep.outcomes_from_ms(oldest, removed) {
            let from = first_row_at(from_ms);
            self.refused.retain(|id, _| *id >= from);
            self.applied.retain(|id, _| id.0 >= from.0);
            rows += self.deliveries.prune(from);
            let profiles = self.profiles.len();
            self.profiles.retain(|_, profile| profile.week.to_ms() > from_ms);
            rows += profiles - self.profiles.len();
            self.tallies.prune(Week::of_ms(from_ms));
        }
        rows += before - self.client_ids.len() - self.refused.len() - self.applied.len();
        Pruned { weeks: due.len() as u64, rows: rows as u64 }
    }

    fn week_sizes(&self) -> Vec<(Week, u64)> {
        let kept = self.weeks.iter().rev().filter(|(_, mark)| mark.removed_ms.is_none());
        kept.map(|(week, _)| (*week, self.week_bytes(*week))).collect()
    }

    /// About how much the events of a week take.
    fn week_bytes(&self, week: Week) -> u64 {
        let rows = self.rows.values().filter(|row| Week::of_row(row.id) == week);
        rows.map(|row| row.name.len() as u64 + row.json_bytes() as u64).sum()
    }
}

impl Events for MemoryEvents {
    fn apply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Vec<Applied>> {
        let applied = self.tables.write(|tables| tables.apply(&plans, now_ms, &self.routes));
        if applied.is_ok() {
            self.wake_lanes();
            self.changes.send_modify(|count| *count += 1);
        }
        answer(applied)
    }

    fn reapply(&self, plans: Vec<Arc<Plan>>, now_ms: i64) -> Answer<'_, Replayed> {
        let replayed = self.tables.write(|tables| tables.reapply(&plans, now_ms, &self.routes));
        self.wake_lanes();
        answer(replayed)
    }

    fn forget(&self, source: String) -> Answer<'_, Forgotten> {
        answer(self.tables.write(|tables| Ok(tables.forget(&source))))
    }

    fn prune(&self, keep: RetentionLimits) -> Answer<'_, Pruned> {
        answer(self.tables.write(|tables| Ok(tables.prune(keep))))
    }

    fn week_sizes(&self) -> Answer<'_, Vec<(Week, u64)>> {
        answer(self.tables.read(EventTables::week_sizes))
    }
}
