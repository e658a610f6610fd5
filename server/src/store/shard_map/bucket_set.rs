//! A set of buckets.

use std::fmt;
use std::str::FromStr;

use super::BUCKETS;

const WORDS: usize = BUCKETS as usize / 64;

/// A set of buckets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BucketSet([u64; WORDS]);

impl BucketSet {
    /// Every bucket.
    pub fn all() -> Self {
        Self([u64::MAX; WORDS])
    }

    /// Adds a bucket. What is no bucket is left out.
    pub fn insert(&mut self, bucket: u16) {
        if let Some(word) = self.0.get_mut(usize::from(bucket / 64)) {
            *word |= 1 << (bucket % 64);
        }
    }

    /// Whether it has a bucket.
    pub fn contains(&self, bucket: u16) -> bool {
        self.0.get(usize::from(bucket / 64)).is_some_and(|word| word >> (bucket % 64) & 1 == 1)
    }

    /// How many it has.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Its buckets, in order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (0..BUCKETS).filter(|bucket| self.contains(*bucket))
    }

    /// Its buckets as columns of a database have them.
    pub fn numbers(&self) -> Vec<i16> {
        self.iter().filter_map(|bucket| i16::try_from(bucket).ok()).collect()
    }

    /// A bit for each bucket: bucket 0 is the lowest bit of the first byte.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The set that [`Self::to_bytes`] wrote. `None` if it did not.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != WORDS * 8 {
            return None;
        }
        let mut set = Self::default();
        for (word, bytes) in set.0.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().ok()?);
        }
        Some(set)
    }

    /// Its ranges, both ends included.
    fn ranges(&self) -> Vec<(u16, u16)> {
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for bucket in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == bucket => *last = bucket,
                _ => ranges.push((bucket, bucket)),
            }
        }
        ranges
    }
}

impl FromIterator<u16> for BucketSet {
    fn from_iter<T: IntoIterator<Item = u16>>(buckets: T) -> Self {
        let mut set = Self::default();
        for bucket in buckets {
            set.insert(bucket);
        }
        set
    }
}

/// Such as `0-511,700`. Nothing for an empty set.
impl fmt::Display for BucketSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.ranges().into_iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for BucketSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// It is no set of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read a set of buckets: expected ranges of 0 to {}, such as 0-511,700", BUCKETS - 1)]
pub struct NoBuckets;

impl FromStr for BucketSet {
    type Err = NoBuckets;

    fn from_str(text: &str) -> Result<Self, NoBuckets> {
        let mut set = Self::default();
        for range in text.split(',').filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| text.parse::<u16>().ok().filter(|bucket| *bucket < BUCKETS);
            let (first, last) = number(first).zip(number(last)).ok_or(NoBuckets)?;
            (first..=last).for_each(|bucket| set.insert(bucket));
        }
        Ok(set)
    }
}
