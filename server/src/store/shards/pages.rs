//! Merging pages of several databases. Pure.

use std::collections::HashSet;
use std::hash::Hash;

/// A page of each database, in the same order, becomes one page.
pub(super) struct MergedPage<T, P> {
    limit: usize,
    items: Vec<T>,
    /// The place down to which every database has been read, if one ended before its end.
    looked_to: Option<P>,
}

impl<T, P: Copy + Ord> MergedPage<T, P> {
    /// An empty page of at most `limit` items.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit: limit as usize, items: Vec::new(), looked_to: None }
    }

    /// Adds the page of one database, which ends at `next` if it has more.
    pub(super) fn add(&mut self, items: Vec<T>, next: Option<P>) {
        self.items.extend(items);
        self.looked_to = match (self.looked_to, next) {
            (Some(known), Some(next)) => Some(known.max(next)),
            (known, next) => known.or(next),
        };
    }

    /// The page, and where the next one begins. Places get smaller from item to item. An item that
    /// is in two databases, because it is being moved, is shown once.
    pub(super) fn finish<K: Eq + Hash>(
        mut self,
        place: impl Fn(&T) -> P,
        key: impl Fn(&T) -> K,
    ) -> (Vec<T>, Option<P>) {
        // Below this place, a database was not read.
        self.items.retain(|item| self.looked_to.is_none_or(|looked_to| place(item) >= looked_to));
        self.items.sort_by_key(|item| std::cmp::Reverse(place(item)));
        let mut seen = HashSet::new();
        self.items.retain(|item| seen.insert(key(item)));
        if self.items.len() > self.limit {
            self.items.truncate(self.limit);
            self.looked_to = self.items.last().map(place);
        }
        (self.items, self.looked_to)
    }
}

/// One list of several, each of which stays in its order. Of their heads, the one with the least
/// rank comes first.
pub(super) fn merged<T, R: Ord>(lists: Vec<Vec<T>>, rank: impl Fn(&T) -> R) -> Vec<T> {
    let mut lists: Vec<_> = lists.into_iter().map(|list| list.into_iter().peekable()).collect();
    let mut merged = Vec::new();
    loop {
        let heads = lists.iter_mut().filter_map(|list| Some((rank(list.peek()?), list)));
        let first = heads.min_by(|(a, _), (b, _)| a.cmp(b));
        let Some(item) = first.and_then(|(_, list)| list.next()) else { return merged };
        merged.push(item);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A page of a list in falling order: what it has after a place, and where it goes on.
    fn page(
        list: &[u32],
        after: Option<u32>,
        limit: u32,
        looked: usize,
    ) -> (Vec<u32>, Option<u32>) {
        let rest: Vec<_> =
            list.iter().copied().filter(|it| after.is_none_or(|after| *it < after)).collect();
        let read = &rest[..rest.len().min(looked).min(limit as usize)];
        (read.to_vec(), (read.len() < rest.len()).then(|| *read.last().unwrap()))
    }

    proptest! {
        #[test]
        fn pages_of_several_databases_are_those_of_one(
            items in prop::collection::btree_map(0_u32..1_000, 0_usize..3, 0..100),
            limit in 1_u32..9,
            looked in prop::collection::vec(1_usize..9, 3),
        ) {
            let list = |of: usize| -> Vec<u32> {
                items.iter().rev().filter(|(_, at)| **at == of).map(|(item, _)| *item).collect()
            };
            let lists = [list(0), list(1), list(2)];
            let (mut read, mut after) = (Vec::new(), None);
            loop {
                let mut merged = MergedPage::new(limit);
                for (list, looked) in lists.iter().zip(&looked) {
                    let (items, next) = page(list, after, limit, *looked);
                    merged.add(items, next);
                }
                let (items, next) = merged.finish(|it| *it, |it| *it);
                prop_assert!(items.len() <= limit as usize);
                read.extend(items);
                let Some(next) = next else { break };
                prop_assert!(after.is_none_or(|after| next < after), "it goes on");
                after = Some(next);
            }
            let all: Vec<u32> = items.keys().rev().copied().collect();
            prop_assert_eq!(read, all);
        }
    }

    #[test]
    fn what_is_in_two_databases_is_shown_once() {
        let mut merged = MergedPage::new(5);
        merged.add(vec![9, 7, 3], None);
        merged.add(vec![8, 7], Some(7));
        assert_eq!(merged.finish(|it| *it, |it| *it), (vec![9, 8, 7], Some(7)));
    }
}
