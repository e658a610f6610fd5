//! Where the disk heads: when it is full, and when retention stops the growth. Pure.

use super::slope::{self, Point};
use crate::retention::Rules;
use crate::store::{Figure, TrendRow, week::WEEK_MS};

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The hours that slopes are taken from: four weeks, so that weekly cleanups even out.
pub const HOURS: u32 = 28 * 24;
/// What is further away than this is not expected to happen: 100 years, in hours.
const FAR_HOURS: i64 = 100 * 366 * 24;

/// How fast the disk fills, in bytes a day. Unknown without enough data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slopes {
    /// By how much the free space shrinks.
    pub filling: Option<i64>,
    /// By how much the files of events grow.
    pub events: Option<i64>,
}

impl Slopes {
    /// The slopes of the last hours.
    pub fn of(hours: &[TrendRow]) -> Self {
        let points = |figure: Figure| -> Vec<Point> {
            let last = |row: &TrendRow| Some((row.begin_ms, row.figures.get(&figure)?.last));
            hours.iter().filter_map(last).collect()
        };
        Self {
            filling: slope::per_day(&points(Figure::DiskFreeBytes)).map(i64::saturating_neg),
            events: slope::per_day(&points(Figure::EventsBytes)),
        }
    }
}

/// The disk now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskNow {
    /// Free bytes, minus what accepted payloads will take.
    pub free_bytes: i64,
    /// Bytes that must stay free.
    pub floor_bytes: i64,
    /// Bytes of the files of events.
    pub events_bytes: Option<i64>,
    /// When the first week with events begins.
    pub first_event_ms: Option<i64>,
}

/// When something is expected, or why that is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forecast {
    /// After this many hours.
    InHours(i64),
    /// Not at all, for this reason.
    Never(&'static str),
    /// Unknown, for this reason.
    Unknown(&'static str),
}

/// Where the disk heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// When free space reaches the floor.
    pub disk_full: Forecast,
    /// When retention deletes as much as comes.
    pub retention: Forecast,
    /// What this was computed from.
    pub slopes: Slopes,
}

/// The outlook at `now_ms`.
pub fn outlook(slopes: Slopes, disk: DiskNow, rules: &Rules, now_ms: i64) -> Outlook {
    let retention = retention(slopes, disk, rules, now_ms);
    Outlook { disk_full: disk_full(slopes, disk, retention), retention, slopes }
}

/// Events are deleted by whole weeks, so the first one stays until its last event is old enough.
fn retention(slopes: Slopes, disk: DiskNow, rules: &Rules, now_ms: i64) -> Forecast {
    let by_age = rules.events_days.map(|days| match disk.first_event_ms {
        None => Forecast::Unknown("no_events"),
        Some(first_ms) => {
            let kept_ms = WEEK_MS.saturating_add(i64::from(days).saturating_mul(DAY_MS));
            in_ms(first_ms.saturating_add(kept_ms).saturating_sub(now_ms))
        }
    });
    let by_bytes = rules.events_bytes.map(|most| {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        match (disk.events_bytes, slopes.events) {
            (Some(bytes), _) if bytes >= most => Forecast::InHours(0),
            (_, None) | (None, _) => Forecast::Unknown("too_little_data"),
            (_, Some(..=0)) => Forecast::Never("not_growing"),
            (Some(bytes), Some(grown)) => in_days(most.saturating_sub(bytes), grown),
        }
    });
    match (by_age, by_bytes) {
        (None, None) => Forecast::Never("no_limit"),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(one), Some(other)) => sooner(one, other),
    }
}

/// Until retention stops the growth of events, space shrinks as it did. From then on, only what
/// else takes space counts.
fn disk_full(slopes: Slopes, disk: DiskNow, retention: Forecast) -> Forecast {
    let room = disk.free_bytes.saturating_sub(disk.floor_bytes);
    if room <= 0 {
        return Forecast::InHours(0);
    }
    let Some(filling) = slopes.filling else { return Forecast::Unknown("too_little_data") };
    if filling <= 0 {
        return Forecast::Never("not_filling");
    }
    let full = in_days(room, filling);
    let (Forecast::InHours(bound), Forecast::InHours(hours)) = (retention, full) else {
        return full;
    };
    if hours <= bound {
        return full;
    }
    let by_others = filling.saturating_sub(slopes.events.unwrap_or(0).max(0));
    // A twentieth of what is measured is less than what is certain.
    if by_others <= filling / 20 {
        return Forecast::Never("retention_stops_it");
    }
    let taken = i128::from(filling) * i128::from(bound) / 24;
    let left = i64::try_from(i128::from(room) - taken).unwrap_or(0);
    match in_days(left, by_others) {
        Forecast::InHours(hours) => Forecast::InHours(hours.saturating_add(bound)),
        other => other,
    }
}

/// When `bytes` are taken at `per_day`, which is positive.
fn in_days(bytes: i64, per_day: i64) -> Forecast {
    let hours = i128::from(bytes.max(0)) * 24 / i128::from(per_day.max(1));
    let hours = i64::try_from(hours).unwrap_or(i64::MAX);
    if hours > FAR_HOURS { Forecast::Never("not_filling") } else { Forecast::InHours(hours) }
}

fn in_ms(ms: i64) -> Forecast {
    Forecast::InHours(ms.max(0) / HOUR_MS)
}

fn sooner(one: Forecast, other: Forecast) -> Forecast {
    match (one, other) {
        (Forecast::InHours(one), Forecast::InHours(other)) => Forecast::InHours(one.min(other)),
        (Forecast::InHours(_), _) => one,
        (_, Forecast::InHours(_)) => other,
        (Forecast::Unknown(_), _) => one,
        _ => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;
    const KEEP_ALL: Rules =
        Rules { events_days: None, events_bytes: None, payload_days: 14, id_days: 30 };
    const GIB: i64 = 1 << 30;

    fn slopes(filling: i64, events: i64) -> Slopes {
        Slopes { filling: Some(filling), events: Some(events) }
    }

    fn disk(free_gib: i64) -> DiskNow {
        DiskNow {
            free_bytes: free_gib * GIB,
            floor_bytes: GIB,
            events_bytes: Some(10 * GIB),
            first_event_ms: Some(NOW - 10 * DAY_MS),
        }
    }

    fn days(slopes: Slopes, disk: DiskNow, rules: &Rules) -> (Forecast, Forecast) {
        let Outlook { disk_full, retention, .. } = outlook(slopes, disk, rules, NOW);
        let whole = |forecast| match forecast {
            Forecast::InHours(hours) => Forecast::InHours(hours / 24),
            other => other,
        };
        (whole(disk_full), whole(retention))
    }

    #[test]
    fn without_limits_the_disk_is_full_when_the_room_is_used_up() {
        let no_limit = Forecast::Never("no_limit");
        for (filling, full) in [
            (Some(GIB), Forecast::InHours(20)),
            (Some(0), Forecast::Never("not_filling")),
            (Some(-GIB), Forecast::Never("not_filling")),
            (Some(1), Forecast::Never("not_filling")),
            (None, Forecast::Unknown("too_little_data")),
        ] {
            let slopes = Slopes { filling, events: Some(0) };
            assert_eq!(days(slopes, disk(21), &KEEP_ALL), (full, no_limit), "{filling:?}");
        }
        let below = days(Slopes::default(), disk(1), &KEEP_ALL);
        assert_eq!(below.0, Forecast::InHours(0), "at the floor, whatever the data");
    }

    #[test]
    fn retention_stops_the_growth_of_events_and_of_nothing_else() {
        let rules = Rules { events_days: Some(30), ..KEEP_ALL };
        // The first week is removed 27 days from now: 30 + 7 - 10.
        let at = Forecast::InHours(27);
        assert_eq!(days(slopes(GIB, GIB), disk(21), &rules), (Forecast::InHours(20), at));
        let stopped = Forecast::Never("retention_stops_it");
        assert_eq!(days(slopes(GIB, GIB), disk(41), &rules), (stopped, at));
        // 27 GiB until then, and 13 at half the speed.
        assert_eq!(days(slopes(GIB, GIB / 2), disk(41), &rules), (Forecast::InHours(53), at));
        let by_others = days(slopes(GIB, 0), disk(41), &rules);
        assert_eq!(by_others, (Forecast::InHours(40), at), "retention deletes no other files");
    }

    #[test]
    fn the_limit_of_bytes_is_reached_at_the_speed_of_events() {
        let rules = Rules { events_bytes: Some(15 << 30), ..KEEP_ALL };
        let retention = |slopes, disk| days(slopes, disk, &rules).1;
        assert_eq!(retention(slopes(GIB, GIB), disk(99)), Forecast::InHours(5));
        assert_eq!(retention(slopes(GIB, 0), disk(99)), Forecast::Never("not_growing"));
        let unknown = Forecast::Unknown("too_little_data");
        assert_eq!(retention(Slopes::default(), disk(99)), unknown);
        let over = DiskNow { events_bytes: Some(16 * GIB), ..disk(99) };
        assert_eq!(retention(Slopes::default(), over), Forecast::InHours(0));
        let both = Rules { events_days: Some(1), ..rules };
        assert_eq!(days(slopes(GIB, GIB), disk(99), &both).1, Forecast::InHours(0));
        let none = DiskNow { first_event_ms: None, ..disk(99) };
        let aged = Rules { events_days: Some(1), ..KEEP_ALL };
        assert_eq!(days(slopes(GIB, GIB), none, &aged).1, Forecast::Unknown("no_events"));
    }
}
