//! Sharing work by modulus, so that workers never wait for each other or look at each other's rows.
//!
//! A backend deals payloads into a fixed number of shares when it stages them; worker `w` of `n` takes the shares that leave
//! `w` when divided by `n`. However many workers there are, each share is exactly one worker's.

/// Shares that payloads are dealt into: so many workers can work beside each other.
pub const SHARES: u32 = 4;

/// The part of the work that is one worker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    worker: u32,
    workers: u32,
}

impl Share {
    /// All of it, for a worker that is alone.
    pub const ALL: Self = Self { worker: 0, workers: 1 };

    /// The parts of `workers` workers, 1 to [`SHARES`] of them: together they are everything, and no two overlap.
    pub fn among(workers: u32) -> impl Iterator<Item = Self> {
        let workers = workers.clamp(1, SHARES);
        (0..workers).map(move |worker| Self { worker, workers })
    }

    /// The numbers of its shares, below [`SHARES`].
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        (0..SHARES).filter(move |number| number % self.workers == self.worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_share_is_exactly_one_workers_however_many_there_are() {
        for workers in 0..=SHARES + 2 {
            let mut numbers: Vec<u32> = Share::among(workers).flat_map(Share::numbers).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..SHARES).collect::<Vec<_>>(), "{workers} workers");
            assert!(Share::among(workers).all(|share| share.numbers().next().is_some()));
        }
        assert_eq!(Share::among(1).collect::<Vec<_>>(), [Share::ALL]);
    }
}
