//! Watches the server: once a minute it records the server's figures as trends, and evaluates the
//! rules of alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::alerts::engine::evaluate;
use crate::alerts::facts::Facts;
use crate::alerts::rule::Rule;
use crate::alerts::{self, config::Mode};
use crate::app::App;
use crate::figures::{self, Figures};
use crate::retention::Rules;
use crate::store::{
    AlertBook, EventFilter, EventQuery, Figure, FigureKind, Resolution, StoreError,
};
use crate::system::supervisor::run_blocking;
use crate::trends;
use crate::trends::outlook::Slopes;

const MINUTE_MS: i64 = 60 * 1000;
/// When in a minute its sample is taken. Late enough to be about this minute, and early enough that
/// a delay does not move it into the next.
const SAMPLE_AT_MS: i64 = 45 * 1000;
/// The pause while another server watches.
const FOLLOWS: Duration = Duration::from_secs(1);
/// How far back the last event of a name is looked for, so that two files of events are read. What
/// arrived before is known from the last evaluation.
const ARRIVED_WITHIN_MS: i64 = 8 * 24 * 60 * MINUTE_MS;

/// What is watched for.
#[derive(Debug, Clone)]
pub struct WatchRules {
    /// The rules of alerts.
    pub alerts: Vec<Rule>,
    /// Whether there is a webhook for alerts.
    pub has_webhook: bool,
    /// What retention keeps.
    pub retention: Rules,
}

impl Default for WatchRules {
    /// No alerts, and everything is kept.
    fn default() -> Self {
        let retention = Rules {
            events_days: None,
            events_bytes: None,
            payload_days: u32::MAX,
            id_days: u32::MAX,
        };
        Self { alerts: Vec::new(), has_webhook: false, retention }
    }
}

/// Watches a server.
pub struct Watcher {
    app: Arc<App>,
    /// The process.
    run: u64,
    /// The samples that were taken so far.
    samples: u64,
    /// Where the rules continue. Read again after an error, because what was written then is
    /// unknown.
    book: Option<AlertBook>,
    /// The slopes that were computed last, and the hour in which.
    slopes: Option<(i64, Slopes)>,
    /// Rings when notices were added.
    added: Arc<Notify>,
    /// Whether another server watched since the last sample.
    has_followed: bool,
    /// What this process had counted when it took over from another server: what was before is not
    /// of the time in which it watches.
    taken_over: BTreeMap<Figure, i64>,
}

impl Watcher {
    /// A watcher of `app` in the process `run`, which has a random number. It rings `added` when
    /// there are notices for the webhook.
    pub fn new(app: Arc<App>, run: u64, added: Arc<Notify>) -> Self {
        let (has_followed, taken_over) = (false, BTreeMap::new());
        Self { app, run, samples: 0, book: None, slopes: None, added, has_followed, taken_over }
    }

    /// Watches until `stop` holds true, and takes a last sample then.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut failed = false;
        while !*stop.borrow() {
            if !self.app.storage.peers.is_leader() {
                self.follow();
                tokio::select! {
                    () = tokio::time::sleep(FOLLOWS) => {}
                    _ = stop.changed() => {}
                }
                continue;
            }
            let error = self.round().await.err();
            match &error {
                // The next minute says the same again.
                Some(error) if !failed => {
                    let error = error as &dyn Error;
                    tracing::warn!(
                        error,
                        "failed to record the server's figures; retrying each minute"
                    );
                }
                None if failed => tracing::info!("the server's figures are recorded again"),
                _ => {}
            }
            failed = error.is_some();
            tokio::select! {
                () = tokio::time::sleep(until_next(self.app.clock.now_ms())) => {}
                _ = stop.changed() => {}
            }
        }
        if !self.app.storage.peers.is_leader() {
            return;
        }
        // What was counted since would otherwise be missing in the counts of this process.
        if let Err(error) = self.sample().await {
            tracing::debug!(%error, "failed to record the last figures");
        }
    }

    /// Takes a sample and evaluates the rules.
    ///
    /// # Errors
    /// [`StoreError`]. The next round makes up for what this one did not write.
    pub async fn round(&mut self) -> Result<(), StoreError> {
        let figures = self.sample().await?;
        self.evaluate(&figures).await
    }

    /// Another server watches: what this one knows about alerts is out of date.
    fn follow(&mut self) {
        self.book = None;
        self.has_followed = true;
    }

    /// Begins to watch after another server did, as if it were a process that starts now.
    fn take_over(&mut self, values: &BTreeMap<Figure, i64>) {
        (self.run, self.samples) = (self.run.wrapping_add(1), 0);
        let counts = values.iter().filter(|(figure, _)| figure.kind() == FigureKind::OfProcess);
        self.taken_over = counts.map(|(figure, value)| (*figure, *value)).collect();
        self.has_followed = false;
    }

    /// Records a sample.
    async fn sample(&mut self) -> Result<Figures, StoreError> {
        let (disk, now_ms) = (Arc::clone(&self.app.disk), self.app.clock.now_ms());
        // At the start, nobody else may have measured it yet. What fails there is logged there.
        let _ = run_blocking(move || disk.measure(now_ms)).await;
        let figures = figures::collect(&self.app).await;
        let known = self.app.clock_guard.known().filter(|known| known.doubt.is_none());
        let certain_ms = known.map(|it| it.time_ms);
        let mut sample = trends::sample(&figures, self.run, self.samples, certain_ms);
        if self.has_followed {
            self.take_over(&sample.values);
        }
        self.samples += 1;
        (sample.run, sample.number) = (self.run, self.samples);
        for (figure, before) in &self.taken_over {
            sample.values.entry(*figure).and_modify(|value| *value -= before);
        }
        self.app.storage.trends.record(sample).await?;
        Ok(figures)
    }

    async fn evaluate(&mut self, figures: &Figures) -> Result<(), StoreError> {
        let app = Arc::clone(&self.app);
        let outlook = trends::outlook_from(&app, self.slopes().await?).await?;
        // What could not be read now can be read later, or the database reports an error itself.
        let Some(mut facts) = Facts::of(figures, self.run, outlook.disk_full) else {
            return Ok(());
        };
        facts.arrived_ms = self.arrived_ms(figures.at_ms).await?;
        let book = match self.book.take() {
            Some(book) => book,
            None => app.storage.alerts.book().await?,
        };
        let round = evaluate(&app.watch.alerts, &facts, &book, app.watch.has_webhook);
        app.storage.alerts.save(round.clone()).await?;
        for (notice, delivery) in &round.notices {
            alerts::log(notice, *delivery);
        }
        if !round.notices.is_empty() {
            self.added.notify_one();
        }
        self.book = Some(book.after(round));
        Ok(())
    }

    /// The slopes, which are computed once an hour.
    async fn slopes(&mut self) -> Result<Slopes, StoreError> {
        let hour_ms = Resolution::Hour.begin_ms(self.app.clock.now_ms());
        match self.slopes {
            Some((known_ms, slopes)) if known_ms == hour_ms => Ok(slopes),
            _ => {
                let slopes = trends::slopes(&self.app).await?;
                self.slopes = Some((hour_ms, slopes));
                Ok(slopes)
            }
        }
    }

    /// When the last event of each name arrived that a rule is about: one row of an index for each.
    async fn arrived_ms(&self, now_ms: i64) -> Result<BTreeMap<String, Option<i64>>, StoreError> {
        let rules = self.app.watch.alerts.iter().filter(|rule| rule.mode != Mode::Off);
        let names: BTreeSet<&String> = rules.flat_map(|rule| &rule.names).collect();
        let mut arrived_ms = BTreeMap::new();
        for name in names {
            let filter = EventFilter {
                name: Some(name.clone()),
                from_ms: Some(now_ms.saturating_sub(ARRIVED_WITHIN_MS)),
                ..EventFilter::default()
            };
            let query = EventQuery { filter, after: None, limit: 1 };
            let page = self.app.storage.reader.events(query).await?;
            let last = page.events.first().map(|event| event.received_ms);
            arrived_ms.insert(name.clone(), last);
        }
        Ok(arrived_ms)
    }
}

/// How long it is until the next sample.
fn until_next(now_ms: i64) -> Duration {
    let passed_ms = now_ms.saturating_sub(SAMPLE_AT_MS).rem_euclid(MINUTE_MS);
    Duration::from_millis(MINUTE_MS.abs_diff(passed_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_minute_has_one_sample_however_long_it_takes() {
        for (now_ms, wait_ms) in [
            (0, 45_000),
            (44_999, 1),
            (45_000, 60_000),
            (45_001, 59_999),
            (60_000, 45_000),
            (-1, 45_001),
        ] {
            assert_eq!(until_next(now_ms), Duration::from_millis(wait_ms), "{now_ms}");
        }
    }
}
