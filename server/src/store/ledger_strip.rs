//! A producer's numbers as a strip of cells, from its first number to its last.
//!
//! Pure. Each cell stands for as many numbers as needed to keep to a limited number of cells.

use lamplight_wire::Ranges;

use super::ledger::Ledger;

/// Consecutive numbers, and how many of them ended how. Numbers that do not count, because their
/// source was forgotten or the producer is not believed, are in none of the counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StripCell {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// Those that arrived.
    pub received: u64,
    /// Those that did not arrive and were declared as dropped.
    pub declared: u64,
    /// Those that neither arrived nor were declared.
    pub missing: u64,
}

impl StripCell {
    /// How many numbers it stands for.
    pub fn numbers(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }
}

impl Ledger {
    /// All numbers in at most `cells_max` cells.
    pub fn strip(&self, cells_max: u64) -> Vec<StripCell> {
        let last = self.believed().max(self.received.last().unwrap_or(0));
        if last == 0 || cells_max == 0 {
            return Vec::new();
        }
        let width = last.div_ceil(cells_max);
        let (declared, missing) = (self.declared(), self.holes());
        (0..last.div_ceil(width))
            .map(|at| {
                let (before, last) = (at * width, ((at + 1) * width).min(last));
                let count = |ranges: &Ranges| ranges.within(before, last).count();
                StripCell {
                    first: before + 1,
                    last,
                    received: count(&self.received),
                    declared: declared.iter().map(|(_, ranges)| count(ranges)).sum(),
                    missing: count(&missing),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lamplight_wire::batch::ProducerNote;
    use proptest::prelude::*;

    fn ledger(received: &[(u64, u64)], dropped: &[(u64, u64)], next: u64) -> Ledger {
        let ranges = |pairs: &[(u64, u64)]| {
            let mut ranges = Ranges::new();
            for (from, to) in pairs {
                ranges.insert_range(*from, *to);
            }
            ranges
        };
        let mut ledger = Ledger::new("web", 0);
        ledger.received = ranges(received);
        let dropped = vec![("quota".to_owned(), ranges(dropped))];
        ledger.apply_declaration(&ProducerNote { next, dropped });
        ledger
    }

    #[test]
    fn a_short_strip_has_a_cell_for_each_number() {
        let strip = ledger(&[(1, 2), (5, 5)], &[(3, 3)], 7).strip(120);
        let counts: Vec<_> =
            strip.iter().map(|it| (it.first, it.received, it.declared, it.missing)).collect();
        assert_eq!(
            counts,
            [(1, 1, 0, 0), (2, 1, 0, 0), (3, 0, 1, 0), (4, 0, 0, 1), (5, 1, 0, 0), (6, 0, 0, 1)]
        );
        assert_eq!(Ledger::new("web", 0).strip(120), []);
    }

    #[test]
    fn numbers_that_do_not_count_are_in_no_count() {
        let mut forgotten = ledger(&[(1, 2), (9, 9)], &[], 0);
        forgotten.forget();
        assert_eq!(
            forgotten.strip(1)[0],
            StripCell { first: 1, last: 9, received: 3, ..StripCell::default() }
        );
        let far = ledger(&[(1, 1), (1 << 50, 1 << 50)], &[], 0);
        let strip = far.strip(120);
        assert_eq!(strip.len(), 120);
        assert_eq!(strip.last().map(|it| (it.last, it.received)), Some((1 << 50, 1)));
    }

    proptest! {
        #[test]
        fn cells_follow_each_other_and_add_up(
            received in proptest::collection::vec((1_u64..5_000, 0_u64..50), 0..60),
            dropped in proptest::collection::vec((1_u64..5_000, 0_u64..50), 0..20),
            next in 0_u64..6_000,
            cells_max in 1_u64..200,
            forgets in any::<bool>(),
        ) {
            let spans = |pairs: Vec<(u64, u64)>| -> Vec<(u64, u64)> {
                pairs.into_iter().map(|(from, more)| (from, from + more)).collect()
            };
            let mut ledger = ledger(&spans(received), &spans(dropped), next);
            if forgets {
                ledger.forget();
            }
            let (strip, sums) = (ledger.strip(cells_max), ledger.sums());
            prop_assert!(strip.len() as u64 <= cells_max);
            for pair in strip.windows(2) {
                prop_assert_eq!(pair[0].last + 1, pair[1].first);
            }
            let sum = |of: fn(&StripCell) -> u64| strip.iter().map(of).sum::<u64>();
            prop_assert_eq!(sum(|it| it.received), sums.received);
            prop_assert_eq!(sum(|it| it.declared), sums.declared);
            prop_assert_eq!(sum(|it| it.missing), sums.missing);
            for cell in &strip {
                prop_assert!(cell.received + cell.declared + cell.missing <= cell.numbers());
            }
        }
    }
}
