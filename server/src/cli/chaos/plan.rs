//! What is broken, in which order and for how long. It depends on the seed alone.

use std::time::Duration;

/// What to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// Kill the process of a tab with `kill -9`, and open another one.
    Tab,
    /// Kill the server with `kill -9`, and start it again after this time.
    Server(Duration),
    /// Cut the network of some tabs for this time.
    Network(Duration),
    /// Let the server answer intake with 503.
    Unavailable(Duration),
    /// Let the server close connections without an answer.
    Offline(Duration),
    /// Let the server answer late.
    Slow(Duration),
}

/// One step of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// How long nothing is broken before it.
    pub(super) quiet: Duration,
    pub(super) broken: Break,
}

/// How many steps break each kind of thing once, at least.
pub(super) const ROUND: usize = 5;

/// An endless plan.
#[derive(Debug)]
pub(super) struct Plan {
    random: Random,
    /// What the rest of this round breaks.
    round: Vec<u64>,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random(seed), round: Vec::new() }
    }

    /// The next step. Each round kills tabs twice, and breaks every other kind of thing once.
    pub(super) fn next(&mut self) -> Step {
        if self.round.is_empty() {
            self.round = vec![0, 0, 1, 2, 3];
        }
        let at = self.below(self.round.len() as u64);
        let kind = self.round.swap_remove(usize::try_from(at).unwrap_or(0));
        let quiet = self.ms(150, 650);
        let time = self.ms(300, 1_500);
        let broken = match kind {
            0 => Break::Tab,
            1 => Break::Server(time),
            2 => Break::Network(time),
            _ => match self.below(3) {
                0 => Break::Unavailable(time),
                1 => Break::Offline(time),
                _ => Break::Slow(time),
            },
        };
        Step { quiet, broken }
    }

    /// Which of `count` things, of which there is at least one.
    pub(super) fn choose(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count.max(1) as u64)).unwrap_or(0)
    }

    fn ms(&mut self, min: u64, max: u64) -> Duration {
        Duration::from_millis(min + self.below(max - min))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random.next() % limit
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(seed: u64, count: usize) -> Vec<Step> {
        let mut plan = Plan::new(seed);
        (0..count).map(|_| plan.next()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_one_does_not() {
        assert_eq!(steps(7, 40), steps(7, 40));
        assert_ne!(steps(7, 40), steps(8, 40));
    }

    #[test]
    fn every_round_breaks_each_kind_of_thing() {
        for seed in 0..200 {
            for round in steps(seed, ROUND * 3).chunks(ROUND) {
                let count =
                    |is: fn(&Break) -> bool| round.iter().filter(|step| is(&step.broken)).count();
                assert_eq!(count(|it| matches!(it, Break::Tab)), 2, "{seed}");
                assert_eq!(count(|it| matches!(it, Break::Server(_))), 1, "{seed}");
                assert_eq!(count(|it| matches!(it, Break::Network(_))), 1, "{seed}");
            }
        }
    }

    #[test]
    fn choices_are_in_range_and_reach_everything() {
        let mut plan = Plan::new(1);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[plan.choose(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
    }
}
