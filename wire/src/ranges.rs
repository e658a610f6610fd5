//! A set of sequence numbers, kept as ranges.

/// A set of numbers from 1 up, kept as sorted, disjoint, non-adjacent inclusive ranges.
///
/// One structure serves for exact deduplication (a number already in the set is a duplicate) and as
/// the proof of completeness (a number below the end that is not in the set is a hole). A producer
/// whose events all arrived takes one range, however many events there were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// The empty set.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The ranges, ascending, both ends included.
    pub fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Whether the set has no numbers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers are in the set.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from + 1).sum()
    }

    /// The largest number in the set, if any.
    pub fn last(&self) -> Option<u64> {
        self.0.last().map(|range| range.1)
    }

    /// Whether `seq` is in the set.
    pub fn contains(&self, seq: u64) -> bool {
        let at = self.0.partition_point(|range| range.1 < seq);
        self.0.get(at).is_some_and(|range| range.0 <= seq)
    }

    /// Adds `seq`; returns whether it was new.
    pub fn insert(&mut self, seq: u64) -> bool {
        if self.contains(seq) {
            return false;
        }
        self.insert_range(seq, seq);
        true
    }

    /// Adds every number from `from` to `to`, both included. Does nothing when `from > to`.
    pub fn insert_range(&mut self, from: u64, to: u64) {
        if from > to {
            return;
        }
        // Every range that overlaps or touches [from, to] is merged into one.
        let first = self.0.partition_point(|range| range.1.saturating_add(1) < from);
        let after = self.0.partition_point(|range| range.0 <= to.saturating_add(1));
        let merged = match self.0.get(first..after) {
            Some([start, .., end]) => (start.0.min(from), end.1.max(to)),
            Some([only]) => (only.0.min(from), only.1.max(to)),
            _ => (from, to),
        };
        if first == after {
            self.0.insert(first, merged);
        } else {
            self.0[first] = merged;
            self.0.drain(first + 1..after);
        }
    }

    /// Adds a number that is above all numbers in the set; any other number is ignored. This is the
    /// cheapest way to collect numbers in order.
    pub fn append(&mut self, seq: u64) {
        match self.0.last_mut() {
            Some((_, last)) if *last + 1 == seq => *last = seq,
            Some((_, last)) if *last >= seq => {}
            _ => self.0.push((seq, seq)),
        }
    }

    /// Adds every number of `other`.
    pub fn union(&mut self, other: &Self) {
        for (from, to) in &other.0 {
            self.insert_range(*from, *to);
        }
    }

    /// Whether a range of the set overlaps or touches the numbers from `from` to `to`.
    pub fn meets(&self, from: u64, to: u64) -> bool {
        let at = self.0.partition_point(|range| range.1.saturating_add(1) < from);
        self.0.get(at).is_some_and(|range| range.0 <= to.saturating_add(1))
    }

    /// The numbers of this set and of `other`. Takes time in proportion to the ranges of both.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(self.0.len() + other.0.len());
        loop {
            let takes_left = match (left.peek(), right.peek()) {
                (Some(left), Some(right)) => left.0 <= right.0,
                (Some(_), None) => true,
                (None, _) => false,
            };
            let Some(&(from, to)) = (if takes_left { left.next() } else { right.next() }) else {
                return Self(merged);
            };
            match merged.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
    }

    /// The numbers of the set that are above `after` and at most `last`.
    #[must_use]
    pub fn within(&self, after: u64, last: u64) -> Self {
        let from = after.saturating_add(1);
        let first = self.0.partition_point(|range| range.1 < from);
        let ranges = self.0.get(first..).unwrap_or_default().iter();
        let ranges = ranges.take_while(|range| from <= last && range.0 <= last);
        Self(ranges.map(|range| (range.0.max(from), range.1.min(last))).collect())
    }

    /// The numbers from 1 up to but not including `end` that are not in the set.
    #[must_use]
    pub fn holes(&self, end: u64) -> Self {
        let mut holes = Vec::new();
        let mut next = 1;
        for (from, to) in &self.0 {
            if *from >= end {
                break;
            }
            if next < *from {
                holes.push((next, from - 1));
            }
            next = to + 1;
        }
        if next < end {
            holes.push((next, end - 1));
        }
        Self(holes)
    }

    /// The numbers that are in this set and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut rest = Self::new();
        for (from, to) in &self.0 {
            let mut next = *from;
            let at = other.0.partition_point(|range| range.1 < *from);
            for (taken_from, taken_to) in other.0.get(at..).unwrap_or_default() {
                if taken_from > to {
                    break;
                }
                if next < *taken_from {
                    rest.0.push((next, taken_from - 1));
                }
                next = taken_to + 1;
            }
            if next <= *to {
                rest.0.push((next, *to));
            }
        }
        rest
    }

    /// Appends the JSON form, `[[from,to],…]`, to `out`.
    pub fn push_json(&self, out: &mut String) {
        out.push('[');
        for (index, (from, to)) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push('[');
            crate::json::push_integer(out, *from);
            out.push(',');
            crate::json::push_integer(out, *to);
            out.push(']');
        }
        out.push(']');
    }
}

impl FromIterator<(u64, u64)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(pairs: I) -> Self {
        let mut ranges = Self::new();
        for (from, to) in pairs {
            ranges.insert_range(from, to);
        }
        ranges
    }
}
