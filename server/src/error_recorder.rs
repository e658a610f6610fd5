//! Stores errors that happen outside of the transactions that store events: refused requests, and
//! failed attempts to process a payload. They are counted in memory, and added to what is stored
//! every few seconds, so that a flood of them costs little.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use crate::app::App;
use crate::http::refusals::Refusals;
use crate::metrics::process::ProcessMetrics;
use crate::metrics::recent_errors::{ErrorKind, ErrorSum, RecentErrors};
use crate::store::{ErrorSample, ErrorStage, Occurrence, SampleKind, StoreError, Tallies};

/// How often errors are stored. A process that is killed loses those of this time.
const STORE_EVERY: Duration = Duration::from_secs(3);

/// Stores errors until it is told to stop.
pub struct ErrorRecorder {
    tallies: Arc<dyn Tallies>,
    refusals: Arc<Refusals>,
    process: Arc<ProcessMetrics>,
    /// Whether anything was stored since the last round, of which more may be known.
    changes: watch::Receiver<u64>,
}

impl ErrorRecorder {
    /// A recorder of the errors of `app`.
    pub fn new(app: &App) -> Self {
        Self {
            tallies: Arc::clone(&app.storage.tallies),
            refusals: Arc::clone(&app.refusals),
            process: Arc::clone(&app.process_metrics),
            changes: app.storage.reader.changes(),
        }
    }

    /// Stores errors until `stop` holds true, and once more then.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut has_failed = false;
        loop {
            let is_last = *stop.borrow();
            let error = self.round().await.err();
            if let (Some(error), false) = (&error, has_failed) {
                let error = error as &dyn std::error::Error;
                tracing::warn!(error, "failed to store counts of errors; trying again every 3 s");
            }
            has_failed = error.is_some();
            if is_last {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(STORE_EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Stores the errors so far.
    ///
    /// # Errors
    /// [`StoreError`]. The errors are stored with the next ones then.
    pub async fn round(&mut self) -> Result<(), StoreError> {
        let sides = [
            (ErrorStage::Intake, &self.refusals.errors),
            (ErrorStage::Process, &self.process.errors),
        ];
        let taken = sides.map(|(stage, errors)| (stage, errors, errors.take()));
        let occurrences = taken.iter().flat_map(|(stage, _, sums)| {
            sums.iter().map(|(kind, sum)| occurrence(*stage, kind, sum))
        });
        let occurrences: Vec<_> = occurrences.collect();
        let has_stored = self.changes.has_changed().unwrap_or(false);
        if occurrences.is_empty() && !has_stored {
            return Ok(());
        }
        self.changes.mark_unchanged();
        let recorded = self.tallies.record(occurrences).await;
        if recorded.is_err() {
            for (_, errors, sums) in taken {
                give_back(errors, sums);
            }
        }
        recorded
    }
}

fn give_back(errors: &RecentErrors, sums: impl IntoIterator<Item = (ErrorKind, ErrorSum)>) {
    sums.into_iter().for_each(|(kind, sum)| errors.add(kind, sum));
}

fn occurrence(stage: ErrorStage, kind: &ErrorKind, sum: &ErrorSum) -> Occurrence {
    let payload = sum.payload.map(|id| (SampleKind::Payload, Uuid::from_u128(id)));
    Occurrence {
        stage,
        code: kind.code,
        owner: kind.source.clone(),
        first_ms: sum.first_ms,
        last_ms: sum.last_ms,
        count: i64::try_from(sum.count).unwrap_or(i64::MAX),
        sample: ErrorSample::new(payload, &sum.message),
    }
}
