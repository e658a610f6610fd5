//! Which time of an event counts, and which day and hour it is in.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::IN_FLIGHT_MS;

/// No event happened longer than this after it was received, in milliseconds: clocks differ, but a
/// later time is replaced by that of receipt.
pub const AHEAD_MS_MAX: i64 = 10 * 60 * 1_000;
/// How long after it happened an event may be received and is still found by when it happened: as
/// long as its browser may take to return.
pub const LATE_MS_MAX: i64 = IN_FLIGHT_MS;

/// Which time of an event counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EventClock {
    /// When it was received.
    #[default]
    Received,
    /// When it happened.
    Happened,
}

/// How events are put into days and hours.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// The time that counts.
    pub clock: EventClock,
    /// Where a day begins at midnight.
    pub zone: TimeZone,
}

impl Default for Calendar {
    fn default() -> Self {
        Self { clock: EventClock::Received, zone: TimeZone::UTC }
    }
}

impl Calendar {
    /// The day that a time is in, such as `2026-01-31`.
    pub fn day(&self, ms: i64) -> String {
        self.format(ms, "%Y-%m-%d")
    }

    /// The hour that a time is in, such as `2026-01-31T12:00:00+01:00`. When clocks are set back,
    /// two hours differ in their offset only.
    pub fn hour(&self, ms: i64) -> String {
        let is_utc = self.zone == TimeZone::UTC;
        self.format(ms, if is_utc { "%Y-%m-%dT%H:00:00Z" } else { "%Y-%m-%dT%H:00:00%:z" })
    }

    fn format(&self, ms: i64, format: &str) -> String {
        Timestamp::from_millisecond(ms).map_or_else(
            |_| ms.to_string(),
            |time| time.to_zoned(self.zone.clone()).strftime(format).to_string(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(zone: &str) -> Calendar {
        Calendar { zone: TimeZone::get(zone).unwrap(), ..Calendar::default() }
    }

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_day_begins_at_midnight_in_its_zone() {
        let night = ms("2026-06-30T22:30:00Z");
        assert_eq!(Calendar::default().day(night), "2026-06-30");
        assert_eq!(calendar("Europe/Zurich").day(night), "2026-07-01");
        assert_eq!(calendar("America/New_York").day(night), "2026-06-30");
        assert_eq!(Calendar::default().day(-1), "1969-12-31");
    }

    #[test]
    fn an_hour_has_its_offset_and_the_hour_that_clocks_repeat_is_two() {
        let zurich = calendar("Europe/Zurich");
        for (time, want) in [
            ("2026-10-25T00:59:59Z", "2026-10-25T02:00:00+02:00"),
            ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00"),
            ("2026-10-25T02:00:00Z", "2026-10-25T03:00:00+01:00"),
        ] {
            assert_eq!(zurich.hour(ms(time)), want);
        }
        let time = ms("2026-01-31T12:14:59Z");
        assert_eq!(calendar("Asia/Kathmandu").hour(time), "2026-01-31T17:00:00+05:45");
        assert_eq!(Calendar::default().hour(time), "2026-01-31T12:00:00Z");
    }
}
