//! How fast a figure grows: the Theil–Sen estimator. Pure.
//!
//! It is the median of the slopes between all pairs of points (P. K. Sen, "Estimates of the
//! regression coefficient based on Kendall's tau", JASA 63, 1968). A cleanup, a restored backup or
//! an hour of a wrong measurement moves a least-squares line, but not this one.

/// The most points that are compared. More are thinned out evenly.
const POINTS_MAX: usize = 120;
/// The fewest points, and the shortest time between the first and the last, that say anything.
const POINTS_MIN: usize = 12;
const SPAN_MS_MIN: i64 = DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A value at a time, in milliseconds since 1970.
pub type Point = (i64, i64);

/// By how much the value grows in a day, or `None` if the points are too few or too close.
pub fn per_day(points: &[Point]) -> Option<i64> {
    let first = points.iter().map(|(at_ms, _)| *at_ms).min()?;
    let last = points.iter().map(|(at_ms, _)| *at_ms).max()?;
    if points.len() < POINTS_MIN || last.saturating_sub(first) < SPAN_MS_MIN {
        return None;
    }
    let step = points.len().div_ceil(POINTS_MAX);
    let points: Vec<Point> = points.iter().step_by(step).copied().collect();
    let mut slopes: Vec<i128> = Vec::with_capacity(points.len() * points.len() / 2);
    for (index, one) in points.iter().enumerate() {
        for other in &points[index + 1..] {
            let passed_ms = i128::from(other.0) - i128::from(one.0);
            if passed_ms != 0 {
                let grown = i128::from(other.1) - i128::from(one.1);
                slopes.push(grown * i128::from(DAY_MS) / passed_ms);
            }
        }
    }
    let middle = slopes.len() / 2;
    let (_, median, _) = (middle < slopes.len()).then(|| slopes.select_nth_unstable(middle))?;
    Some(i64::try_from(*median).unwrap_or(if *median < 0 { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = DAY_MS / 24;

    fn line(hours: i64, per_hour: i64) -> Vec<Point> {
        (0..hours).map(|hour| (hour * HOUR_MS, 1_000_000 + hour * per_hour)).collect()
    }

    #[test]
    fn a_line_has_its_slope_and_too_little_data_has_none() {
        assert_eq!(per_day(&line(600, -50)), Some(-1_200));
        assert_eq!(per_day(&line(25, 7)), Some(168));
        assert_eq!(per_day(&line(24, 7)), None, "less than a day");
        assert_eq!(per_day(&[]), None);
        assert_eq!(per_day(&[(0, 1), (9 * DAY_MS, 2)]), None, "two points");
        assert_eq!(per_day(&vec![(5, 1); 100]), None, "all at one time");
    }

    #[test]
    fn a_weekly_cleanup_does_not_hide_that_the_trend_is_flat() {
        let saw = |hour: i64| 1_000_000_000 - (hour % 168) * 1_000_000;
        let points: Vec<Point> = (0..672).map(|hour| (hour * HOUR_MS, saw(hour))).collect();
        let slope = per_day(&points).unwrap();
        assert!(slope.abs() < 24_000_000 / 2, "{slope} a day; within a week it is 24,000,000");
    }

    proptest! {
        /// A quarter of the points may be anything.
        #[test]
        fn a_quarter_of_wrong_points_changes_little(
            per_hour in -10_000_i64..10_000,
            wrong in proptest::collection::vec((0_usize..100, -1_000_000_000_i64..1_000_000_000), 0..25),
        ) {
            let mut points = line(100, per_hour);
            for (index, value) in wrong {
                points[index].1 = value;
            }
            let exact = per_hour * 24;
            let slope = per_day(&points).unwrap();
            // Rounding of the pairs is at most 1.
            prop_assert!((slope - exact).abs() <= 1, "{slope}, not {exact}");
        }
    }
}
