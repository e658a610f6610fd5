//! Checks again and again whether the cluster is still safe.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::health::{Health, Verdict};
use super::judgement::{Judgement, judge};
use super::link::Link;
use super::monitor::Monitors;
use super::url::IntakeUrl;

/// How often the nodes are asked.
const EVERY: Duration = Duration::from_secs(15);
/// How soon again, while nothing is known.
const SOON: Duration = Duration::from_millis(500);
/// How long an earlier check counts while monitors do not answer.
const COUNTS_FOR: Duration = Duration::from_mins(10);

/// What is checked.
#[derive(Debug)]
pub(super) struct Checks {
    pub(super) url: IntakeUrl,
    pub(super) link: Arc<Link>,
    pub(super) monitors: Monitors,
    pub(super) health: Arc<Health>,
    /// The nodes that were right when they last answered.
    pub(super) known: Mutex<HashSet<String>>,
}

impl Checks {
    /// What the nodes say now.
    pub(super) async fn judge_nodes(&self) -> Judgement {
        let readings = self.monitors.read().await;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        judge(&self.url, &self.link.connected(), &readings, &mut known)
    }

    /// What the nodes and the stream say now.
    async fn judge(&self) -> Judgement {
        let mut judgement = self.judge_nodes().await;
        // While the stream does not answer, nothing can be published either.
        match self.link.faults_of_stream().await {
            Ok(faults) => judgement.faults.extend(faults),
            Err(why) => tracing::debug!(why, "failed to read the settings of the intake stream"),
        }
        judgement
    }

    /// Checks until `stop` holds true.
    pub(super) async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut last_safe: Option<Instant> = Some(Instant::now());
        let mut last_warnings = Vec::new();
        while !*stop.borrow() {
            let every = if self.is_current() { EVERY } else { SOON };
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = self.health.check_wanted() => {}
                _ = stop.changed() => continue,
            }
            if !self.link.is_connected() {
                continue;
            }
            let connection = self.link.connection();
            let Judgement { faults, at_start, joining, unknown, mut warnings } = self.judge().await;
            // A node that joined: it gets no payloads until an operator says so.
            warnings.extend(at_start.into_iter().chain(joining));
            if warnings != last_warnings && !warnings.is_empty() {
                tracing::warn!(why = warnings.join(". "), "the intake stream is checked in part");
            }
            last_warnings = warnings;
            if !faults.is_empty() {
                last_safe = None;
                self.health.set(Verdict::Unsafe(faults.join(". ").into()));
            } else if unknown.is_empty() {
                last_safe = Some(Instant::now());
                self.health.set(Verdict::Safe { connection });
            } else {
                self.unknown(&unknown, last_safe);
            }
        }
    }

    /// Whether the verdict is about the connection that there is.
    fn is_current(&self) -> bool {
        match self.health.verdict() {
            Verdict::Unchecked => false,
            Verdict::Safe { connection } => connection == self.link.connection(),
            Verdict::Unsafe(_) => true,
        }
    }

    /// An earlier check counts for a while, unless the connection has ended since or something was
    /// wrong.
    fn unknown(&self, why: &[String], last_safe: Option<Instant>) {
        let why = why.join(". ");
        let counts = last_safe.is_some_and(|at| at.elapsed() < COUNTS_FOR);
        match self.health.verdict() {
            Verdict::Safe { .. } if counts => {
                tracing::warn!(why, "the nodes of NATS cannot be checked: the last check counts");
            }
            Verdict::Safe { .. } | Verdict::Unsafe(_) => {
                self.health.set(Verdict::Unsafe(why.into()));
            }
            Verdict::Unchecked => {
                tracing::warn!(why, "the nodes of NATS cannot be checked: payloads wait");
            }
        }
    }
}
