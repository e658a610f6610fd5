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

const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;

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

/// A day or an hour in the time zone of a calendar: its number from 1970, and for an hour its
/// offset from UTC in seconds, because clocks that are set back repeat one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period(i64, i32);

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

    /// Which day a time is in. All times in it have the same [`Self::day`], and no others. `None`
    /// for times that are no time of the calendar.
    pub fn day_of(&self, ms: i64) -> Option<Period> {
        Some(Period(self.local_ms(ms)?.0.div_euclid(DAY_MS), 0))
    }

    /// Which hour a time is in. All times in it have the same [`Self::hour`], and no others. `None`
    /// for times that are no time of the calendar.
    pub fn hour_of(&self, ms: i64) -> Option<Period> {
        let (local_ms, offset_s) = self.local_ms(ms)?;
        Some(Period(local_ms.div_euclid(HOUR_MS), offset_s))
    }

    /// What clocks show, as if it were milliseconds since 1970 in UTC, and their offset.
    fn local_ms(&self, ms: i64) -> Option<(i64, i32)> {
        let offset_s = self.zone.to_offset(Timestamp::from_millisecond(ms).ok()?).seconds();
        Some((ms + i64::from(offset_s) * 1_000, offset_s))
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_are_in_the_same_period_if_their_texts_are_the_same(
            zone in prop::sample::select(vec![
                "UTC", "Europe/Zurich", "Asia/Kathmandu", "America/New_York", "Africa/Monrovia",
                "Australia/Lord_Howe", "Pacific/Apia",
            ]),
            // Around changes of offsets, the beginning of the calendar of SQLite, and anywhere.
            from_ms in prop::sample::select(vec![
                1_792_890_000_000_i64, 1_774_746_000_000, 63_593_070_000, 1_325_239_200_000, 0,
                -62_000_000_000_000, 1_759_000_000_000,
            ]),
            (a, b) in (-90_000_000_i64..90_000_000, -7_300_000_i64..7_300_000),
        ) {
            let (calendar, one, other) = (calendar(zone), from_ms + a, from_ms + a + b);
            let hours = (calendar.hour_of(one) == calendar.hour_of(other), calendar.hour(one) == calendar.hour(other));
            prop_assert_eq!(hours.0, hours.1, "{} {} {}", zone, one, other);
            let days = (calendar.day_of(one) == calendar.day_of(other), calendar.day(one) == calendar.day(other));
            prop_assert_eq!(days.0, days.1, "{} {} {}", zone, one, other);
        }
    }

    #[test]
    fn a_time_that_no_calendar_has_is_in_no_period() {
        assert_eq!(Calendar::default().hour_of(i64::MAX), None);
        assert_eq!(Calendar::default().day_of(i64::MIN), None);
    }

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
