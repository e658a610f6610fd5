//! The profiles that one transaction works on.

use std::collections::HashMap;
use std::sync::Arc;

use super::ProfileWrite;
use crate::store::{EventColumns, Plan, PlannedEvent, Profile, ProfileKey, ProfileNote, SaidAt};

/// A profile, as a database keeps it. Its words are read only when an event adds one.
#[derive(Debug, Clone, Default)]
pub struct StoredProfile {
    /// As it stands with an event; nothing if nothing is known.
    json: Option<Arc<str>>,
    words: Words,
}

#[derive(Debug, Clone)]
enum Words {
    /// As an earlier version stored them: only the time of the newest one.
    OfEarlierVersion { said_ms: i64 },
    /// As a database holds them.
    Text(String),
    /// Read.
    Read(Profile),
    /// Read, and changed.
    Changed(Profile),
}

impl Default for Words {
    fn default() -> Self {
        Self::Read(Profile::default())
    }
}

impl StoredProfile {
    /// The profile with these texts, which [`ProfileWrite`] had. Earlier versions stored no words.
    pub fn read(said_ms: i64, json: String, words_json: Option<String>) -> Self {
        let words = words_json.map_or(Words::OfEarlierVersion { said_ms }, Words::Text);
        Self { json: (json != NOTHING).then(|| json.into()), words }
    }

    fn take_words(&mut self) -> Profile {
        match std::mem::take(&mut self.words) {
            Words::OfEarlierVersion { said_ms } => {
                Profile::of_earlier_version(self.json.as_deref().unwrap_or(NOTHING), said_ms)
            }
            Words::Text(text) => Profile::read(&text),
            Words::Read(profile) | Words::Changed(profile) => profile,
        }
    }

    /// Which of the traits that an event set at `at` were set again, or removed, by a later one.
    pub fn outdated(mut self, note: &ProfileNote, at: SaidAt) -> Vec<String> {
        self.take_words().outdated(note, at)
    }
}

/// The text of a profile of which nothing is known.
const NOTHING: &str = "{}";

/// Profiles, as far as they are known and changed.
#[derive(Debug)]
pub(super) struct Profiles<'a>(HashMap<ProfileKey<'a>, StoredProfile>);

impl<'a> Profiles<'a> {
    pub(super) fn new(known: HashMap<ProfileKey<'a>, StoredProfile>) -> Self {
        Self(known)
    }

    /// Applies what an event that gets a row says about its user. Returns what is known then.
    pub(super) fn apply(
        &mut self,
        plan: &Plan,
        event: &PlannedEvent,
        columns: &'a EventColumns,
    ) -> Option<Arc<str>> {
        let stored = self.0.entry(ProfileKey::of(columns)?).or_default();
        if let Some(note) = ProfileNote::read(&columns.name, columns.properties_json.as_deref()) {
            let mut profile = stored.take_words();
            profile.apply(&note, SaidAt::new(event.id, columns.time_ms, plan.received_ms));
            stored.json = profile.json().map(Into::into);
            stored.words = Words::Changed(profile);
        }
        stored.json.clone()
    }

    /// Everything that changed.
    pub(super) fn into_writes(self) -> Vec<ProfileWrite<'a>> {
        let write = |(key, StoredProfile { json, words })| match words {
            Words::Changed(profile) => Some(ProfileWrite {
                key,
                said_ms: profile.said_ms(),
                json: json.unwrap_or_else(|| NOTHING.into()),
                words_json: profile.words_json(),
            }),
            Words::OfEarlierVersion { .. } | Words::Text(_) | Words::Read(_) => None,
        };
        self.0.into_iter().filter_map(write).collect()
    }
}
