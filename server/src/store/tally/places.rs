//! Which tallies there are, and which of them counts something.

use std::collections::HashMap;

use super::key::{OVERFLOW, TallyKey, TallyOwner};

/// Tallies, each with where it is, and how many share each limit.
#[derive(Debug)]
pub struct TallyPlaces<T> {
    places: HashMap<TallyKey<'static>, T>,
    counted: HashMap<TallyOwner, usize>,
}

impl<T> Default for TallyPlaces<T> {
    fn default() -> Self {
        Self { places: HashMap::new(), counted: HashMap::new() }
    }
}

impl<T: Copy> TallyPlaces<T> {
    /// Adds a tally.
    pub fn put(&mut self, key: TallyKey<'static>, place: T) {
        if key.label != OVERFLOW {
            *self.counted.entry(key.counted_for()).or_default() += 1;
        }
        self.places.insert(key, place);
    }

    /// Says how many tallies an owner has, where not all of them were added.
    pub fn count(&mut self, owner: TallyOwner, tallies: usize) {
        self.counted.insert(owner, tallies);
    }

    /// Where a tally is.
    pub fn get(&self, key: &TallyKey<'_>) -> Option<T> {
        self.places.get(key).copied()
    }

    /// The tally that counts something: its own if there is one or room for it, or the one of
    /// everything for which there is no room.
    pub fn counting<'a>(&self, key: &TallyKey<'a>) -> TallyKey<'a> {
        let counted = self.counted.get(&key.counted_for()).copied().unwrap_or(0);
        self.counting_with(key, counted)
    }

    /// The same, where nothing new has room.
    pub fn counting_known<'a>(&self, key: &TallyKey<'a>) -> TallyKey<'a> {
        self.counting_with(key, usize::MAX)
    }

    fn counting_with<'a>(&self, key: &TallyKey<'a>, counted: usize) -> TallyKey<'a> {
        let key = key.clone();
        if self.places.contains_key(&key) { key } else { key.admitted(counted) }
    }
}
