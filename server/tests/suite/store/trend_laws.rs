//! The laws of `Trends`.

use std::collections::BTreeMap;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    Figure, Resolution, RetentionLimits, Rollup, Sample, Storage, TrendQuery, TrendRow, Week,
};

use crate::store::backend::Backend;
use crate::store::sample::{NOW, client_id, good, plan_at, shared};

crate::laws!(
    samples_are_added_up_by_minute_hour_and_day,
    a_sample_that_is_recorded_again_changes_nothing,
    counts_continue_after_a_restart_and_a_minute_without_a_sample_is_missing,
    a_clock_that_is_set_back_adds_to_the_earlier_minutes,
    old_periods_are_deleted_a_few_at_a_time,
    a_clock_that_is_not_certain_deletes_nothing,
    periods_of_a_clock_that_was_ahead_are_deleted_once_it_is_certain,
    periods_are_read_newest_first_within_a_span,
    the_first_event_is_that_of_the_first_week_that_is_kept,
);

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The beginning of a day.
const DAY: i64 = NOW - NOW % DAY_MS;

fn sample(run: u64, number: u64, at_ms: i64, stored: i64, free: i64) -> Sample {
    let values = BTreeMap::from([(Figure::Stored, stored), (Figure::DiskFreeBytes, free)]);
    Sample { run, number, at_ms, certain_ms: Some(at_ms), values }
}

async fn record(storage: &Storage, sample: Sample) {
    storage.trends.record(sample).await.unwrap();
}

async fn all(storage: &Storage, resolution: Resolution) -> Vec<TrendRow> {
    let query = TrendQuery { resolution, from_ms: i64::MIN, to_ms: i64::MAX, limit: 10_000 };
    storage.trends.periods(query).await.unwrap()
}

async fn begins(storage: &Storage, resolution: Resolution) -> Vec<i64> {
    all(storage, resolution).await.iter().map(|row| row.begin_ms).collect()
}

fn rollup(samples: u64, sum: i64, min: i64, max: i64, last: i64) -> Rollup {
    Rollup { samples, sum, min, max, last }
}

async fn samples_are_added_up_by_minute_hour_and_day(Backend { storage, .. }: Backend) {
    for (number, at_ms, stored, free) in [
        (1, DAY, 100, 50),
        (2, DAY + 1, 103, 40),
        (3, DAY + MINUTE_MS, 110, 70),
        (4, DAY + HOUR_MS, 111, 60),
    ] {
        record(&storage, sample(1, number, at_ms, stored, free)).await;
    }
    let minutes = all(&storage, Resolution::Minute).await;
    assert_eq!(minutes[2].begin_ms, DAY);
    assert_eq!(minutes[2].figures[&Figure::Stored], rollup(1, 3, 3, 3, 3), "not the first 100");
    assert_eq!(minutes[2].figures[&Figure::DiskFreeBytes], rollup(2, 90, 40, 50, 40));
    let hours = all(&storage, Resolution::Hour).await;
    assert_eq!(hours[1].figures[&Figure::Stored], rollup(2, 10, 3, 7, 7));
    assert_eq!(hours[1].figures[&Figure::DiskFreeBytes], rollup(3, 160, 40, 70, 70));
    let days = all(&storage, Resolution::Day).await;
    assert_eq!((days.len(), days[0].figures[&Figure::Stored]), (1, rollup(3, 11, 1, 7, 1)));
    assert_eq!(days[0].figures[&Figure::DiskFreeBytes], rollup(4, 220, 40, 70, 60));
}

async fn a_sample_that_is_recorded_again_changes_nothing(backend: Backend) {
    let storage = &backend.storage;
    for number in [1, 2, 2, 1, 2] {
        record(storage, sample(1, number, DAY, 100 + i64::try_from(number).unwrap(), 9)).await;
    }
    let backend = backend.reopened().await;
    record(&backend.storage, sample(1, 2, DAY, 102, 9)).await;
    let days = all(&backend.storage, Resolution::Day).await;
    assert_eq!(days[0].figures[&Figure::Stored], Rollup::of(1));
    assert_eq!(days[0].figures[&Figure::DiskFreeBytes], rollup(2, 18, 9, 9, 9));
}

async fn counts_continue_after_a_restart_and_a_minute_without_a_sample_is_missing(
    backend: Backend,
) {
    record(&backend.storage, sample(1, 1, DAY, 100, 9)).await;
    let backend = backend.reopened().await;
    record(&backend.storage, sample(2, 1, DAY + 3 * MINUTE_MS, 107, 9)).await;
    let minutes = all(&backend.storage, Resolution::Minute).await;
    let begins: Vec<i64> = minutes.iter().map(|row| row.begin_ms).collect();
    assert_eq!(begins, [DAY + 3 * MINUTE_MS, DAY], "the minutes between are gaps");
    assert_eq!(minutes[0].figures[&Figure::Stored], Rollup::of(7));
}

async fn a_clock_that_is_set_back_adds_to_the_earlier_minutes(Backend { storage, .. }: Backend) {
    for (number, minute) in [(1, 0), (2, 1), (3, 2), (4, 1), (5, 2)] {
        let stored = i64::try_from(number).unwrap() * 10;
        record(&storage, sample(1, number, DAY + minute * MINUTE_MS, stored, 9)).await;
    }
    let minutes = all(&storage, Resolution::Minute).await;
    let stored: i64 =
        minutes.iter().filter_map(|row| row.figures.get(&Figure::Stored)).map(|it| it.sum).sum();
    assert_eq!((minutes.len(), stored), (3, 40), "each event counts once");
    assert_eq!(minutes[1].figures[&Figure::Stored], rollup(2, 20, 10, 10, 10));
}

async fn old_periods_are_deleted_a_few_at_a_time(Backend { storage, .. }: Backend) {
    for minute in 0..10 {
        let number = u64::try_from(minute).unwrap();
        record(&storage, sample(1, number + 1, DAY + minute * MINUTE_MS, 0, 0)).await;
    }
    let later = DAY + 30 * DAY_MS;
    for (minute, left) in [(0, 8 + 1), (1, 6 + 2), (2, 4 + 3)] {
        let number = u64::try_from(minute).unwrap();
        record(&storage, sample(1, number + 20, later + minute * MINUTE_MS, 0, 0)).await;
        assert_eq!(begins(&storage, Resolution::Minute).await.len(), left);
    }
    assert_eq!(begins(&storage, Resolution::Hour).await, [later, DAY], "kept for longer");
    assert_eq!(*begins(&storage, Resolution::Minute).await.last().unwrap(), DAY + 6 * MINUTE_MS);
}

async fn a_clock_that_is_not_certain_deletes_nothing(Backend { storage, .. }: Backend) {
    record(&storage, sample(1, 1, DAY, 0, 0)).await;
    let year = DAY + 365 * DAY_MS;
    let ahead = Sample { certain_ms: None, ..sample(1, 2, year, 0, 0) };
    record(&storage, ahead).await;
    assert_eq!(begins(&storage, Resolution::Minute).await, [year, DAY]);
}

async fn periods_of_a_clock_that_was_ahead_are_deleted_once_it_is_certain(
    Backend { storage, .. }: Backend,
) {
    record(&storage, sample(1, 1, DAY, 0, 0)).await;
    for minute in 0..3 {
        let at_ms = DAY + 365 * DAY_MS + minute * MINUTE_MS;
        let number = u64::try_from(minute).unwrap() + 2;
        record(&storage, Sample { certain_ms: None, ..sample(1, number, at_ms, 0, 0) }).await;
    }
    for (minute, left) in [(1, 3), (2, 3), (3, 4)] {
        let number = u64::try_from(minute).unwrap() + 10;
        record(&storage, sample(1, number, DAY + minute * MINUTE_MS, 0, 0)).await;
        assert_eq!(begins(&storage, Resolution::Minute).await.len(), left);
    }
    assert_eq!(begins(&storage, Resolution::Minute).await[0], DAY + 3 * MINUTE_MS);
}

async fn periods_are_read_newest_first_within_a_span(Backend { storage, .. }: Backend) {
    for minute in 0..10 {
        let number = u64::try_from(minute).unwrap();
        record(&storage, sample(1, number + 1, DAY + minute * MINUTE_MS, 0, 0)).await;
    }
    let at = |minute: i64| DAY + minute * MINUTE_MS;
    let read = async |from_ms, to_ms, limit| {
        let query = TrendQuery { resolution: Resolution::Minute, from_ms, to_ms, limit };
        let rows = storage.trends.periods(query).await.unwrap();
        rows.iter().map(|row| (row.begin_ms - DAY) / MINUTE_MS).collect::<Vec<_>>()
    };
    assert_eq!(read(at(2), at(5), 10).await, [4, 3, 2]);
    assert_eq!(read(at(2), at(5), 2).await, [4, 3]);
    assert_eq!(read(at(5), at(2), 2).await, [0; 0], "a span that ends before it begins");
}

async fn the_first_event_is_that_of_the_first_week_that_is_kept(Backend { storage, .. }: Backend) {
    assert_eq!(storage.trends.first_event_ms().await.unwrap(), None);
    for week in 0..3_i64 {
        let events = vec![(client_id(&format!("id-{week}")), good("a"))];
        let at_ms = NOW + week * WEEK_MS;
        let plan = plan_at(at_ms, u128::try_from(week).unwrap() + 1, events);
        storage.events.apply(shared([plan]), at_ms).await.unwrap();
    }
    let first = Week::of_ms(NOW).from_ms();
    assert_eq!(storage.trends.first_event_ms().await.unwrap(), Some(first));
    let keep = RetentionLimits {
        events_from_ms: Some(first + WEEK_MS),
        events_bytes: None,
        ids_from_ms: 0,
        pending_from_ms: i64::MAX,
        now_ms: NOW + 2 * WEEK_MS,
    };
    storage.events.prune(keep).await.unwrap();
    assert_eq!(storage.trends.first_event_ms().await.unwrap(), Some(first + WEEK_MS));
}
