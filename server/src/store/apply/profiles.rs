//! The profiles that one transaction works on.

use std::collections::HashMap;
use std::sync::Arc;

use super::ProfileWrite;
use crate::store::{EventColumns, Profile, ProfileKey, ProfileNote};

/// A profile, as a database keeps it.
#[derive(Debug, Clone)]
pub struct StoredProfile {
    profile: Profile,
    /// As it stands with an event; nothing if nothing is known.
    json: Option<Arc<str>>,
    /// The time of the newest event that said something about it.
    said_ms: i64,
    is_changed: bool,
}

impl Default for StoredProfile {
    fn default() -> Self {
        Self { profile: Profile::default(), json: None, said_ms: i64::MIN, is_changed: false }
    }
}

impl StoredProfile {
    /// The profile with this text. An unreadable one starts empty: it only adds to events.
    pub fn read(said_ms: i64, json: String) -> Self {
        let profile: Profile = serde_json::from_str(&json).unwrap_or_default();
        let json = (!profile.is_empty()).then(|| json.into());
        Self { profile, json, said_ms, is_changed: false }
    }
}

/// Profiles, as far as they are known and changed.
#[derive(Debug)]
pub(super) struct Profiles<'a>(HashMap<ProfileKey<'a>, StoredProfile>);

impl<'a> Profiles<'a> {
    pub(super) fn new(known: HashMap<ProfileKey<'a>, StoredProfile>) -> Self {
        Self(known)
    }

    /// Applies what an event that gets a row says about its user. Returns what is known then.
    pub(super) fn apply(&mut self, event: &'a EventColumns) -> Option<Arc<str>> {
        let stored = self.0.entry(ProfileKey::of(event)?).or_default();
        if let Some(note) = ProfileNote::of(event) {
            stored.profile.apply(&note, event.time_ms, stored.said_ms);
            stored.said_ms = stored.said_ms.max(event.time_ms);
            stored.json = (!stored.profile.is_empty()).then(|| stored.profile.json().into());
            stored.is_changed = true;
        }
        stored.json.clone()
    }

    /// Everything that changed.
    pub(super) fn into_writes(self) -> Vec<ProfileWrite<'a>> {
        let changed = self.0.into_iter().filter(|(_, stored)| stored.is_changed);
        changed
            .map(|(key, StoredProfile { profile, said_ms, .. })| ProfileWrite {
                key,
                profile,
                said_ms,
            })
            .collect()
    }
}
