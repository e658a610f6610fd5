//! Trends: the server's own figures, kept by minute, hour and day, and where they head.
//!
//! A [`Sample`] is filled from the figures once a minute. [`Trends`](crate::store::Trends) adds it
//! up.

pub mod outlook;
pub mod slope;

use crate::app::App;
use crate::figures::Figures;
use crate::store::{Figure, Resolution, Sample, StoreError, TrendQuery};
use outlook::{DiskNow, HOURS, Outlook, Slopes};

/// The sample that `figures` are. Those that could not be read are missing in it.
pub fn sample(figures: &Figures, run: u64, number: u64, certain_ms: Option<i64>) -> Sample {
    let mut values = std::collections::BTreeMap::new();
    let mut put = |figure: Figure, value: u64| {
        values.insert(figure, i64::try_from(value).unwrap_or(i64::MAX));
    };
    put(Figure::Payloads, figures.intake.accepted.durations.count());
    put(Figure::PayloadBytes, figures.intake.bytes.body);
    put(Figure::Refused, figures.refusals.values().sum());
    put(Figure::IntakeDepth, figures.intake.waiting.requests);
    put(Figure::IntakeLagMs, figures.age_ms(figures.intake.waiting.oldest_ms));
    let syncs = figures.intake_database.commits.sync;
    put(Figure::Syncs, syncs.count());
    put(Figure::SyncUs, whole_us(syncs.sum_s));
    if let Some(totals) = figures.totals {
        put(Figure::Received, totals.received);
        put(Figure::Stored, totals.stored);
        put(Figure::Duplicates, totals.duplicates);
        put(Figure::Invalid, totals.invalid);
        put(Figure::Lost, totals.lost);
    }
    if let Some(backlog) = &figures.process.backlog {
        put(Figure::ProcessDepth, backlog.payloads);
        put(Figure::ProcessLagMs, figures.age_ms(backlog.oldest_ms));
        put(Figure::SetAside, backlog.set_aside.payloads);
    }
    if let Some(sinks) = &figures.sinks {
        let rows = || sinks.iter().map(|sink| &sink.row);
        put(Figure::Sent, rows().map(|row| row.sent).sum());
        put(Figure::Dead, rows().map(|row| row.dead).sum());
        put(Figure::DeliverDepth, rows().map(|row| row.waiting).sum());
        let oldest_ms = rows().filter_map(|row| row.oldest_ms).min();
        put(Figure::DeliverLagMs, figures.age_ms(oldest_ms));
    }
    if let Some(bytes) = figures.server.usage.resident_bytes {
        put(Figure::MemoryBytes, bytes);
    }
    put(Figure::DiskFreeBytes, figures.disk.free_bytes);
    if let Some(files) = figures.disk.files {
        let events_bytes = files.events.main.saturating_add(files.events.log);
        put(Figure::DataBytes, files.total_bytes());
        put(Figure::EventsBytes, events_bytes);
        let kept = figures.totals.map_or(0, |totals| totals.stored.saturating_sub(totals.removed));
        if let Some(bytes) = events_bytes.checked_div(kept) {
            put(Figure::BytesPerEvent, bytes);
        }
    }
    Sample { run, number, at_ms: figures.at_ms, certain_ms, values }
}

/// Seconds in whole microseconds.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of durations, far below the limits"
)]
fn whole_us(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

/// Where the disk of `app` heads, as far as its last hours tell.
///
/// # Errors
/// [`StoreError`], when they cannot be read.
pub async fn outlook(app: &App) -> Result<Outlook, StoreError> {
    outlook_from(app, slopes(app).await?).await
}

/// The slopes of the last hours, up to the full one before now.
///
/// # Errors
/// [`StoreError`], when they cannot be read.
pub async fn slopes(app: &App) -> Result<Slopes, StoreError> {
    let to_ms = Resolution::Hour.begin_ms(app.clock.now_ms());
    let from_ms = to_ms.saturating_sub(i64::from(HOURS) * Resolution::Hour.period_ms());
    let query = TrendQuery { resolution: Resolution::Hour, from_ms, to_ms, limit: HOURS };
    Ok(Slopes::of(&app.storage.trends.periods(query).await?))
}

/// The outlook with slopes that are known.
///
/// # Errors
/// [`StoreError`], when the last hour cannot be read.
pub async fn outlook_from(app: &App, slopes: Slopes) -> Result<Outlook, StoreError> {
    let now_ms = app.clock.now_ms();
    let query = TrendQuery {
        resolution: Resolution::Hour,
        from_ms: i64::MIN,
        to_ms: now_ms.saturating_add(1),
        limit: 1,
    };
    let last = app.storage.trends.periods(query).await?;
    let events_bytes =
        last.first().and_then(|row| row.figures.get(&Figure::EventsBytes)).map(|it| it.last);
    let free_bytes = app.disk.free_bytes().saturating_sub(app.disk.expected_bytes());
    let disk = DiskNow {
        free_bytes: i64::try_from(free_bytes).unwrap_or(i64::MAX),
        floor_bytes: i64::try_from(app.disk.floor_bytes()).unwrap_or(i64::MAX),
        events_bytes,
        first_event_ms: app.storage.trends.first_event_ms().await?,
    };
    Ok(outlook::outlook(slopes, disk, &app.watch.retention, now_ms))
}
