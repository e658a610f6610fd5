//! ISO weeks: how events are partitioned. A row's week follows from its id alone.

use uuid::Uuid;

use super::RowId;

/// Monday, 29 December 1969: the first week that holds a time after 1970 began there.
const FIRST_MONDAY_MS: i64 = -3 * DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long a week is.
pub const WEEK_MS: i64 = 7 * DAY_MS;
/// Times in row ids have 48 bits.
const TIME_MS_MAX: i64 = (1 << 48) - 1;

/// An ISO 8601 week, Monday to Sunday, UTC. Ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Week(u32);

impl Week {
    /// The week of a time of receipt. Times before 1970 count as 1970, as in row ids.
    pub fn of_ms(ms: i64) -> Self {
        let ms = ms.clamp(0, TIME_MS_MAX);
        Self(u32::try_from((ms - FIRST_MONDAY_MS) / WEEK_MS).unwrap_or(u32::MAX))
    }

    /// The week that a row is in.
    pub fn of_row(row: RowId) -> Self {
        let ms = i64::try_from(row.0.as_u128() >> 80).unwrap_or(TIME_MS_MAX);
        Self::of_ms(ms)
    }

    /// Its number in order, as databases keep it.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The week with this number.
    pub fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// When it begins, in milliseconds since 1970.
    pub fn from_ms(self) -> i64 {
        FIRST_MONDAY_MS + i64::from(self.0) * WEEK_MS
    }

    /// When the next one begins.
    pub fn to_ms(self) -> i64 {
        self.from_ms() + WEEK_MS
    }

    /// The first id that a row of it can have.
    pub fn first_row(self) -> RowId {
        first_row_at(self.from_ms())
    }
}

/// The first id that a row received at `ms` can have.
pub fn first_row_at(ms: i64) -> RowId {
    let ms = u128::try_from(ms.clamp(0, TIME_MS_MAX)).unwrap_or(0);
    RowId(Uuid::from_u128(ms << 80))
}

/// Such as `2026-W47`.
impl std::fmt::Display for Week {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A week belongs to the year that its Thursday is in, and week 0 has the first of January
        // 1970 as its Thursday.
        let (year, day_of_year) = year_of_day(i64::from(self.0) * 7);
        write!(f, "{year:04}-W{:02}", day_of_year / 7 + 1)
    }
}

/// The year of a day counted from 1 January 1970, and the day's place in it, from 0. Works for
/// every day there is, unlike the calendar library, which ends with the year 9999.
fn year_of_day(day: i64) -> (i64, i64) {
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let first_day = |year: i64| {
        let before = year - 1;
        before * 365 + before / 4 - before / 100 + before / 400 - 719_162
    };
    let mut year = 1970 + day / 366;
    while day - first_day(year) >= 365 + i64::from(is_leap(year)) {
        year += 1;
    }
    (year, day - first_day(year))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn weeks_are_named_as_iso_8601_names_them() {
        for (time, want) in [
            ("1970-01-01T00:00:00Z", "1970-W01"),
            ("2021-01-03T23:59:59Z", "2020-W53"),
            ("2021-01-04T00:00:00Z", "2021-W01"),
            ("2024-12-30T00:00:00Z", "2025-W01"),
            ("2026-11-21T04:00:00Z", "2026-W47"),
            ("2027-01-03T12:00:00Z", "2026-W53"),
        ] {
            let ms = time.parse::<jiff::Timestamp>().unwrap().as_millisecond();
            assert_eq!(Week::of_ms(ms).to_string(), want, "{time}");
        }
        assert_eq!(Week::of_ms(-1), Week::of_ms(0));
        assert_eq!(Week::of_ms(i64::MAX), Week::of_ms(TIME_MS_MAX));
    }

    proptest! {
        #[test]
        fn a_week_is_what_the_calendar_says(ms in 0i64..253_370_764_800_000) {
            let week = Week::of_ms(ms);
            prop_assert!((week.from_ms()..week.to_ms()).contains(&ms));
            prop_assert_eq!(Week::of_ms(week.to_ms()).number(), week.number() + 1);
            prop_assert_eq!(Week::of_row(first_row_at(ms)), week);
            prop_assert_eq!(Week::from_number(week.number()), week);
            let time = jiff::Timestamp::from_millisecond(ms).unwrap();
            let iso = jiff::tz::Offset::UTC.to_datetime(time).date().iso_week_date();
            prop_assert_eq!(week.to_string(), format!("{:04}-W{:02}", iso.year(), iso.week()));
        }

        #[test]
        fn every_time_has_a_week_with_a_name(ms in any::<i64>()) {
            prop_assert!(Week::of_ms(ms).to_string().contains("-W"));
        }
    }
}
