//! Versions of profiles, which rows of events refer to. Pure.
//!
//! A version is the whole profile or what changed since the version before it. A whole one is
//! written once the changes add up to its size. So an event that changes one trait of a large
//! profile writes about as much as it says, and a version is read from a limited number of others.
//! All versions that one needs are in the same week as the rows that refer to it.

use super::ShownProfile;

/// What a change counts as at least, in bytes. It bounds how many changes follow a whole profile:
/// the largest profile divided by this.
const CHANGE_BYTES_MIN: usize = 128;

/// The newest version of a profile in a week.
#[derive(Debug, Clone)]
pub struct LatestVersion {
    /// Its number.
    pub revision: u64,
    /// The number of the whole version that it begins with.
    pub base: u64,
    /// What the changes since then count as, in bytes.
    pub changed_bytes: u64,
    /// What it shows. A database may leave it out if the profile has not changed since.
    pub shown: Option<ShownProfile>,
}

/// A version to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileVersion {
    /// Its number, which increases with each change of the profile.
    pub revision: u64,
    /// The number of the whole version that it begins with: its own if it is whole.
    pub base: u64,
    /// What the changes since then count as, in bytes.
    pub changed_bytes: u64,
    /// The whole profile, or what changed.
    pub json: String,
}

impl ProfileVersion {
    /// The version that shows `shown`, in a week whose newest version is `latest`.
    pub fn next(latest: Option<&LatestVersion>, revision: u64, shown: &ShownProfile) -> Self {
        let whole = shown.json();
        if let Some(latest) = latest
            && let Some(before) = &latest.shown
        {
            let json = before.change_to(shown).json();
            let counts_as = json.len().max(CHANGE_BYTES_MIN) as u64;
            let changed_bytes = latest.changed_bytes.saturating_add(counts_as);
            if changed_bytes <= whole.len() as u64 {
                return Self { revision, base: latest.base, changed_bytes, json };
            }
        }
        Self { revision, base: revision, changed_bytes: 0, json: whole }
    }
}
