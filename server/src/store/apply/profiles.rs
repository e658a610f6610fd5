//! The profiles that one transaction works on.

use std::collections::{BTreeSet, HashMap};

use super::{ProfileWrite, RowProfile, VersionWrite};
use crate::store::{
    EventColumns, LatestVersion, Plan, PlannedEvent, Profile, ProfileKey, ProfileNote,
    ProfileVersion, SaidAt, ShownProfile, Week, WordName,
};

/// A profile, as a database keeps it.
#[derive(Debug, Clone)]
pub struct StoredProfile {
    /// How often what events show of it changed.
    pub revision: u64,
    /// Whether there is nothing to show.
    pub is_empty: bool,
    /// The newest week with an event of its user.
    pub week: Week,
    /// Its newest version in the week of the events that are applied.
    pub latest: Option<LatestVersion>,
    /// What was said. A database may leave it out if no event adds to it and `latest` is up to
    /// date.
    pub words: Option<Profile>,
}

impl StoredProfile {
    /// Whether the rules need its words although no event adds to them.
    pub fn needs_version(&self) -> bool {
        !self.is_empty && self.latest.as_ref().is_none_or(|it| it.revision != self.revision)
    }
}

/// A profile with what changed in it.
#[derive(Debug)]
struct Touched {
    stored: StoredProfile,
    /// What its newest version shows, once it was needed.
    shown: Option<ShownProfile>,
    is_written: bool,
    changed: BTreeSet<WordName>,
}

impl Touched {
    fn new(mut stored: StoredProfile) -> Self {
        // Numbers of versions that the week has and the profile does not know are not used again.
        let newest = stored.latest.as_ref().map_or(0, |latest| latest.revision);
        let is_behind = newest > stored.revision;
        if is_behind {
            stored.revision = newest + 1;
        }
        Self { stored, shown: None, is_written: is_behind, changed: BTreeSet::new() }
    }

    fn words(&mut self) -> &mut Profile {
        self.stored.words.get_or_insert_default()
    }

    /// What events show of it now.
    fn shown(&mut self) -> &ShownProfile {
        let words = self.stored.words.get_or_insert_default();
        self.shown.get_or_insert_with(|| words.shown())
    }

    fn say(&mut self, note: &ProfileNote, at: SaidAt) {
        // What the newest version shows, before it changes.
        let before = self.shown().clone();
        if let Some(latest) = &mut self.stored.latest
            && latest.revision == self.stored.revision
        {
            latest.shown.get_or_insert(before.clone());
        }
        let changed = self.words().apply(note, at);
        if changed.is_empty() {
            return;
        }
        self.changed.extend(changed);
        self.is_written = true;
        let shown = self.words().shown();
        if shown != before {
            self.stored.revision += 1;
            self.stored.is_empty = shown.is_empty();
            self.shown = Some(shown);
        }
    }

    /// The version that rows of events refer to now, if it is not there yet.
    fn version(&mut self) -> Option<ProfileVersion> {
        let revision = self.stored.revision;
        if !self.stored.needs_version() {
            return None;
        }
        let shown = self.shown().clone();
        let version = ProfileVersion::next(self.stored.latest.as_ref(), revision, &shown);
        let ProfileVersion { base, changed_bytes, .. } = version;
        self.stored.latest =
            Some(LatestVersion { revision, base, changed_bytes, shown: Some(shown) });
        Some(version)
    }
}

/// Profiles, as far as they are known and changed, and the versions of them that are new.
#[derive(Debug)]
pub(super) struct Profiles<'a> {
    known: HashMap<ProfileKey<'a>, StoredProfile>,
    touched: HashMap<ProfileKey<'a>, Touched>,
    versions: Vec<VersionWrite<'a>>,
    /// The user of the last event, if there was no profile: mostly, the next event is of the same.
    absent: Option<ProfileKey<'a>>,
}

impl<'a> Profiles<'a> {
    pub(super) fn new(known: HashMap<ProfileKey<'a>, StoredProfile>) -> Self {
        Self { known, touched: HashMap::new(), versions: Vec::new(), absent: None }
    }

    /// Applies what an event that gets a row says about its user. Returns what is known then.
    pub(super) fn apply(
        &mut self,
        plan: &Plan,
        event: &PlannedEvent,
        columns: &'a EventColumns,
    ) -> Option<RowProfile<'a>> {
        let key = ProfileKey::of(columns)?;
        let note = ProfileNote::read(&columns.name, columns.properties_json.as_deref());
        if note.is_none() && self.absent == Some(key) {
            return None;
        }
        let week = Week::of_ms(plan.received_ms);
        let known = &mut self.known;
        let touched = if let Some(touched) = self.touched.get_mut(&key) {
            touched
        } else {
            let stored = match known.remove(&key) {
                Some(stored) => stored,
                // Most users have no profile.
                None if note.is_none() => {
                    self.absent = Some(key);
                    return None;
                }
                None => {
                    StoredProfile { revision: 0, is_empty: true, week, latest: None, words: None }
                }
            };
            self.absent = None;
            self.touched.entry(key).or_insert(Touched::new(stored))
        };
        if touched.stored.week < week {
            (touched.stored.week, touched.is_written) = (week, true);
        }
        if let Some(note) = note {
            touched.say(&note, SaidAt::new(event.id, columns.time_ms, plan.received_ms));
        }
        if touched.stored.is_empty {
            return None;
        }
        self.versions.extend(touched.version().map(|version| VersionWrite { key, version }));
        Some(RowProfile { key, revision: touched.stored.revision })
    }

    /// Everything that changed, and the versions that rows refer to.
    pub(super) fn into_writes(self) -> (Vec<ProfileWrite<'a>>, Vec<VersionWrite<'a>>) {
        let touched = self.touched.into_iter().filter(|(_, it)| it.is_written);
        let write = |(key, Touched { stored, changed, .. }): (ProfileKey<'a>, Touched)| {
            let words = stored.words.unwrap_or_default();
            let word = |name: WordName| {
                let word = words.words().get(&name).cloned();
                (name, word)
            };
            ProfileWrite {
                key,
                revision: stored.revision,
                is_empty: stored.is_empty,
                week: stored.week,
                words: changed.into_iter().map(word).collect(),
            }
        };
        (touched.map(write).collect(), self.versions)
    }
}
