//! Counts over time, in the form that charts take.

use crate::api::{BucketsJson, CountsJson, TrafficJson, read_traffic};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{Resolution, TrafficQuery};

/// How many minutes the charts of traffic show.
const MINUTES: i64 = 60;
/// Over how many minutes rates are averaged.
const RATE_MINUTES: usize = 5;
/// How many hours the charts of names show.
const HOURS: i64 = 48;

/// How much arrived in the last minutes, of one source or of each.
pub(super) async fn last_minutes(
    app: &App,
    source: Option<String>,
) -> Result<TrafficJson, Problem> {
    let resolution = Resolution::Minute;
    let end_ms = resolution.begin_ms(app.clock.now_ms()).saturating_add(resolution.period_ms());
    let from_ms = end_ms.saturating_sub(MINUTES * resolution.period_ms());
    Ok(read_traffic(app, TrafficQuery { source, resolution, from_ms, to_ms: end_ms }).await?)
}

/// Events per second, over the last whole minutes.
pub(super) fn per_second(counts: &CountsJson) -> String {
    // The last minute has not ended yet.
    let whole = counts.stored.iter().rev().skip(1).take(RATE_MINUTES);
    let (sum, minutes) = whole
        .fold((0_u64, 0_u64), |(sum, minutes), count| (sum.saturating_add(*count), minutes + 1));
    #[allow(clippy::cast_precision_loss, reason = "two digits are shown")]
    let rate = sum as f64 / (minutes.max(1) * 60) as f64;
    if rate > 0.0 && rate < 0.01 { "< 0.01".into() } else { format!("{rate:.2}") }
}

/// One count for each of the last hours, oldest first.
pub(super) fn last_hours(received: &BucketsJson, now_ms: i64) -> Vec<u64> {
    let hour = Resolution::Hour;
    let first_ms = hour.begin_ms(now_ms).saturating_sub((HOURS - 1) * hour.period_ms());
    let mut counts = vec![0; usize::try_from(HOURS).unwrap_or(0)];
    for bucket in &received.hours {
        let at = usize::try_from(bucket.begin.saturating_sub(first_ms) / hour.period_ms()).ok();
        if let Some(count) = at.and_then(|at| counts.get_mut(at)) {
            *count = u64::try_from(bucket.count).unwrap_or(0);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::BucketJson;

    #[test]
    fn a_rate_is_of_the_last_five_whole_minutes() {
        let counts = |stored: &[u64]| CountsJson {
            stored: stored.to_vec(),
            duplicates: Vec::new(),
            invalid: Vec::new(),
        };
        assert_eq!(per_second(&counts(&[9_000, 60, 60, 60, 60, 60, 7_000])), "1.00");
        assert_eq!(per_second(&counts(&[0, 0, 0, 0, 0, 1, 0])), "< 0.01");
        assert_eq!(per_second(&counts(&[5])), "0.00");
    }

    #[test]
    fn hours_without_events_are_zero() {
        let hour_ms = 3_600_000;
        let now_ms = 100 * hour_ms + 5;
        let hours = [(100, 7), (98, 2), (53, 1), (52, 9)];
        let hours = hours.map(|(hour, count)| BucketJson { begin: hour * hour_ms, count });
        let received = BucketsJson { minutes: Vec::new(), hours: hours.into(), days: Vec::new() };
        let counts = last_hours(&received, now_ms);
        assert_eq!((counts.len(), counts[47], counts[46], counts[45], counts[0]), (48, 7, 0, 2, 1));
    }
}
