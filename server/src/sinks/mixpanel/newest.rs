//! The newest traits that were sent, so that an older `identify` that is sent later changes none of
//! them. Mixpanel itself takes updates in the order in which they arrive.
//!
//! A lease leaves out the traits that a newer event set. This memory is for events that are leased
//! at the same time, so it need not outlive the process.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::profile::ProfileUpdate;

/// How many traits are remembered. Each takes about 32 bytes.
const TRAITS_MAX: usize = 200_000;

/// When each trait of each user was sent last, by the time of its event.
#[derive(Debug, Default)]
pub(super) struct NewestTraits {
    hasher: RandomState,
    sent_ms: HashMap<u64, i64>,
}

impl NewestTraits {
    /// Keeps the traits of `update` of which no newer value was sent.
    pub(super) fn filter(&self, update: &mut ProfileUpdate) {
        let ProfileUpdate { user, time_ms, traits } = update;
        traits.retain(|it| {
            self.sent_ms.get(&self.key(user, &it.name)).is_none_or(|sent_ms| *sent_ms <= *time_ms)
        });
    }

    /// Records that these traits were sent, or may have been.
    pub(super) fn record(&mut self, update: &ProfileUpdate) {
        for it in &update.traits {
            let sent_ms = self.sent_ms.entry(self.key(&update.user, &it.name)).or_insert(i64::MIN);
            *sent_ms = (*sent_ms).max(update.time_ms);
        }
        if self.sent_ms.len() > TRAITS_MAX {
            let mut times: Vec<i64> = self.sent_ms.values().copied().collect();
            let (_, middle, _) = times.select_nth_unstable(TRAITS_MAX / 2);
            let middle = *middle;
            self.sent_ms.retain(|_, sent_ms| *sent_ms > middle);
        }
    }

    fn key(&self, user: &str, name: &str) -> u64 {
        self.hasher.hash_one((user, name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::Trait;
    use super::*;

    fn update(user: &str, time_ms: i64, names: &[&str]) -> ProfileUpdate {
        let traits = names
            .iter()
            .map(|name| Trait { name: (*name).into(), value: Some("1".into()) })
            .collect();
        ProfileUpdate { user: user.into(), time_ms, traits }
    }

    #[test]
    fn an_older_update_changes_only_traits_that_no_newer_one_has_sent() {
        let mut newest = NewestTraits::default();
        newest.record(&update("ann", 5, &["plan"]));
        let filtered = |mut update: ProfileUpdate| {
            newest.filter(&mut update);
            update.traits.len()
        };
        assert_eq!(filtered(update("ann", 4, &["plan", "age"])), 1);
        assert_eq!(filtered(update("ann", 5, &["plan", "age"])), 2, "the same event again");
        assert_eq!(filtered(update("bob", 4, &["plan"])), 1);
    }

    #[test]
    fn memory_is_limited_and_keeps_the_newest() {
        let mut newest = NewestTraits::default();
        for time_ms in 0..=i64::try_from(TRAITS_MAX).unwrap() {
            newest.record(&update(&time_ms.to_string(), time_ms, &["a"]));
        }
        assert!(newest.sent_ms.len() <= TRAITS_MAX / 2 + 1);
        let last = i64::try_from(TRAITS_MAX).unwrap();
        let mut older = update(&last.to_string(), 0, &["a"]);
        newest.filter(&mut older);
        assert_eq!(older.traits.len(), 0);
    }
}
