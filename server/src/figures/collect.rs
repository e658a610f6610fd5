//! Reads the figures.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{
    AlertFigures, DatabaseFigures, DiskFigures, Figures, IntakeFigures, ProcessFigures,
    ServerFigures, SinkFigures,
};
use crate::api;
use crate::app::App;
use crate::metrics::sink::SinkMetrics;
use crate::store::{Database, SinkRow, StoreError};
use crate::system::data_files::DataFiles;
use crate::system::process_usage::ProcessUsage;
use crate::system::supervisor::run_blocking;

/// How long reading may take in all. Who waits for the figures must learn in time what is known
/// when the disk does not answer.
const READ_MAX: Duration = Duration::from_secs(5);

/// Reads the figures. What cannot be read within five seconds is missing in them.
pub async fn collect(app: &App) -> Figures {
    let now_ms = app.clock.now_ms();
    // The monotonic clock, not the clock port: it measures how long the disk takes.
    let until = Instant::now() + READ_MAX;
    // The database behind a stream may be down, and the stream says more then.
    let stream = within(until, app.storage.payload_queue.in_stream()).await.flatten();
    // The queue is read first, so that a payload settled in between is counted twice, not missed.
    let backlog = within(until, app.storage.payload_queue.backlog()).await;
    let totals = within(until, app.storage.reader.totals(app.known_now_ms())).await;
    let sources = within(until, app.storage.reader.sources()).await;
    let sinks = within(until, app.storage.delivery_queue.sinks()).await;
    let alerts = within(until, alerts(app)).await;
    let folder = app.disk.path().to_owned();
    let measured = timeout_at(
        until,
        run_blocking(move || (DataFiles::measure(&folder).ok(), ProcessUsage::measure())),
    );
    let (files, usage) = measured.await.unwrap_or_default();
    Figures {
        at_ms: now_ms,
        server: ServerFigures {
            version: env!("CARGO_PKG_VERSION"),
            started_ms: app.started_ms,
            is_ready: api::why_not_ready(app).is_none(),
            usage,
        },
        intake: IntakeFigures {
            waiting: app.intake.in_flight.sums(),
            accepted: app.intake.metrics.throughput.since_start(),
            bytes: app.intake.metrics.bytes(),
            stream,
        },
        process: ProcessFigures {
            backlog,
            batches: app.process_metrics.throughput.since_start(),
            processed: app.process_metrics.sums(),
        },
        sinks: sinks.map(|rows| rows.into_iter().map(|row| sink(app, row, now_ms)).collect()),
        totals,
        sources,
        alerts,
        intake_database: database(&*app.storage.intake_database),
        events_database: database(&*app.storage.events_database),
        shards: app.storage.events_database.shards(),
        disk: DiskFigures {
            free_bytes: app.disk.free_bytes(),
            floor_bytes: app.disk.floor_bytes(),
            reserve_bytes: app.disk.reserve_bytes(),
            expected_bytes: app.disk.expected_bytes(),
            files,
        },
        answers: app.answers.counts(),
        refusals: app.refusals.counts.sums().by_code,
        clock_doubt_ms: app.clock_guard.known().and_then(|it| it.doubt).map(|it| it.ahead_ms),
    }
}

async fn within<T>(until: Instant, read: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    match timeout_at(until, read).await {
        Ok(Ok(read)) => Some(read),
        Ok(Err(error)) => {
            tracing::debug!(%error, "failed to read figures");
            None
        }
        Err(_) => None,
    }
}

async fn alerts(app: &App) -> Result<AlertFigures, StoreError> {
    let book = app.storage.alerts.book().await?;
    let notices = app.storage.alerts.notice_counts().await?;
    Ok(AlertFigures::new(app.watch.alerts.iter().map(|rule| rule.name.as_str()), &book, notices))
}

fn sink(app: &App, row: SinkRow, now_ms: i64) -> SinkFigures {
    let metrics = app.sink_metrics.get(row.name.as_str()).map(Arc::as_ref);
    let (state, _, _) = api::sink_condition(&row, now_ms);
    if let Some(metrics) = metrics {
        metrics.queued.observe(row.deliveries(), now_ms);
    }
    SinkFigures {
        row,
        state,
        batches: metrics.map(|it| it.throughput.since_start()).unwrap_or_default(),
        attempts: metrics.map(SinkMetrics::sums).unwrap_or_default(),
    }
}

fn database(database: &dyn Database) -> DatabaseFigures {
    DatabaseFigures { is_up: database.is_up(), commits: database.commits() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_in_time_or_at_all_is_missing() {
        let until = Instant::now() + READ_MAX;
        let full = || StoreError::Full { queued_bytes: 1, retry_after_s: 1 };
        assert_eq!(within(until, async { Ok(7) }).await, Some(7));
        assert_eq!(within(until, async { Err::<u64, _>(full()) }).await, None);
        let begun = Instant::now();
        assert_eq!(within::<u64>(until, std::future::pending()).await, None);
        assert_eq!(within::<u64>(until, std::future::pending()).await, None);
        // Timers are rounded up to whole milliseconds.
        let limits = READ_MAX..READ_MAX + Duration::from_millis(2);
        assert!(limits.contains(&begun.elapsed()), "all readings together");
    }
}
