//! The fair share of a lease: how much of it goes to work that failed before, and how much to work
//! that was never tried, so that neither waits until the other has run out.

/// How much one lease may hold.
#[derive(Debug, Clone, Copy)]
pub struct FairShare {
    /// The most pieces of work.
    pub places: usize,
    /// The most bytes. One piece is always given, whatever its size.
    pub bytes_max: u64,
}

impl FairShare {
    /// How many fresh pieces to look for when `retries` pieces are due again: retries keep a
    /// quarter of the places, and at least one.
    pub fn fresh_max(self, retries: usize) -> usize {
        self.places - retries.min((self.places / 4).max(1)).min(self.places)
    }

    /// Chooses among what is due, each list in the order in which its pieces have waited. Retries
    /// get the places that fresh pieces leave, and a quarter of the bytes if there are fresh ones.
    pub fn choose<T>(
        self,
        mut retries: Vec<T>,
        mut fresh: Vec<T>,
        bytes_of: impl Fn(&T) -> u64,
    ) -> Vec<T> {
        fresh.truncate(self.fresh_max(retries.len()));
        retries.truncate(self.places - fresh.len());
        let retry_bytes_max = if fresh.is_empty() { self.bytes_max } else { self.bytes_max / 4 };
        let (mut bytes, mut chosen) = (0_u64, Vec::with_capacity(retries.len() + fresh.len()));
        for (pieces, bytes_max) in [(retries, retry_bytes_max), (fresh, self.bytes_max)] {
            for piece in pieces {
                let more = bytes.saturating_add(bytes_of(&piece));
                if !chosen.is_empty() && more > bytes_max {
                    break;
                }
                bytes = more;
                chosen.push(piece);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn choose(share: FairShare, retries: &[u64], fresh: &[u64]) -> Vec<(bool, u64)> {
        let retries = retries.iter().map(|bytes| (true, *bytes)).collect();
        let fresh = fresh.iter().map(|bytes| (false, *bytes)).collect();
        share.choose(retries, fresh, |(_, bytes)| *bytes)
    }

    #[test]
    fn retries_keep_a_quarter_of_the_places() {
        let share = FairShare { places: 8, bytes_max: 1_000 };
        let chosen = choose(share, &[1; 20], &[1; 20]);
        assert_eq!(chosen.iter().filter(|(is_retry, _)| *is_retry).count(), 2);
        assert_eq!(chosen.len(), 8);
        assert_eq!(choose(share, &[1; 20], &[]).len(), 8, "all places without fresh work");
        assert_eq!(choose(share, &[], &[1; 20]).len(), 8, "all places without retries");
        assert_eq!(choose(share, &[1; 20], &[1; 3]).len(), 8, "retries take what is left over");
    }

    #[test]
    fn large_retries_leave_bytes_for_fresh_work() {
        let share = FairShare { places: 8, bytes_max: 100 };
        assert_eq!(choose(share, &[20, 20], &[30, 60]), [(true, 20), (false, 30)]);
        assert_eq!(choose(share, &[500, 1], &[30]), [(true, 500)], "one is always given");
    }

    proptest! {
        #[test]
        fn the_limits_hold_and_work_is_given_if_any_is_due(
            places in 1_usize..20,
            bytes_max in 0_u64..200,
            retries: Vec<u8>,
            fresh: Vec<u8>,
        ) {
            let sizes = |bytes: &[u8]| bytes.iter().map(|it| u64::from(*it)).collect::<Vec<_>>();
            let chosen = choose(FairShare { places, bytes_max }, &sizes(&retries), &sizes(&fresh));
            prop_assert!(chosen.len() <= places);
            prop_assert_eq!(chosen.is_empty(), retries.is_empty() && fresh.is_empty());
            let bytes: u64 = chosen.iter().map(|(_, bytes)| bytes).sum();
            prop_assert!(chosen.len() == 1 || bytes <= bytes_max);
        }
    }
}
