//! How often a log is copied while it is written to. Pure.

use std::time::Duration;

/// How often a log is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CopyInterval {
    /// The bytes that a copy should find, if the log grows as it did.
    bytes: u64,
    rest_min: Duration,
    rest_max: Duration,
}

/// How many times longer than a copy takes the thread rests at least, so that a slow disk has time
/// for commits.
const RESTS: u32 = 10;

/// What is not copied when the log reaches its limit is left to the writer, and responses wait for
/// that. So it is copied as often as the disk allows.
pub(super) const OF_INTAKE: CopyInterval = CopyInterval {
    bytes: 0,
    rest_min: Duration::from_millis(50),
    rest_max: Duration::from_millis(250),
};
/// No response waits, and a page that changes between two copies is copied twice. So they are rare.
/// But the writer of events should not be the one who copies.
pub(super) const OF_STORE: CopyInterval = CopyInterval {
    bytes: 8 * 1024 * 1024,
    rest_min: Duration::from_millis(250),
    rest_max: Duration::from_secs(10),
};

impl CopyInterval {
    /// How long to rest after a copy that took `spent`. `since` is how many bytes were written
    /// since the copy before it began, and how long ago that was.
    pub(super) fn rest(&self, since: Option<(u64, Duration)>, spent: Duration) -> Duration {
        let until_enough = match since {
            Some((0, _)) => self.rest_max,
            Some((bytes, elapsed)) => {
                let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
                let ns = u128::from(elapsed_ns) * u128::from(self.bytes) / u128::from(bytes);
                Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
            }
            None => self.rest_min,
        };
        until_enough.max(RESTS * spent).clamp(self.rest_min, self.rest_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_rests_until_about_as_many_bytes_are_written_as_a_copy_should_find() {
        let rest = |bytes, elapsed| OF_STORE.rest(Some((bytes, elapsed)), ms(1));
        assert_eq!(rest(8 * 1024 * 1024, ms(400)), ms(400));
        assert_eq!(rest(2 * 1024 * 1024, ms(400)), ms(1_600));
        assert_eq!(rest(400 * 1024 * 1024, ms(400)), ms(250), "never less");
        assert_eq!(rest(1, ms(400)), ms(10_000), "never more");
        assert_eq!(rest(0, ms(400)), ms(10_000));
        assert_eq!(rest(1, Duration::MAX), ms(10_000), "no overflow");
        assert_eq!(OF_STORE.rest(None, ms(1)), ms(250), "the first time");
    }

    #[test]
    fn a_slow_disk_gets_time_for_commits() {
        let since = Some((4 * 1024 * 1024, ms(60)));
        assert_eq!(OF_INTAKE.rest(since, ms(1)), ms(50));
        assert_eq!(OF_INTAKE.rest(since, ms(20)), ms(200));
        assert_eq!(OF_INTAKE.rest(since, ms(900)), ms(250));
    }
}
