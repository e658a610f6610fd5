//! Whether the cluster may be trusted with payloads, as far as this server knows.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

/// What the last check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing yet, or nothing since the connection was made again: nodes may have other settings.
    Unchecked,
    /// Every node that runs keeps what it acknowledges. What was acknowledged over another
    /// connection than the one with this number proves nothing.
    Safe {
        /// How many connections there were, up to the one that was checked.
        connection: u64,
    },
    /// Something is wrong: what, where, and what to change.
    Unsafe(Arc<str>),
}

/// The verdict.
#[derive(Debug)]
pub(super) struct Health {
    verdict: watch::Sender<Verdict>,
    /// Asks for a check before the next one is due.
    wanted: Notify,
}

impl Default for Health {
    fn default() -> Self {
        Self { verdict: watch::Sender::new(Verdict::Unchecked), wanted: Notify::new() }
    }
}

impl Health {
    pub(super) fn verdict(&self) -> Verdict {
        self.verdict.borrow().clone()
    }

    /// Nothing is known any more, because the connection ended. Payloads wait for the next check.
    pub(super) fn forget(&self) {
        self.verdict.send_if_modified(|verdict| {
            let was_safe = matches!(verdict, Verdict::Safe { .. });
            if was_safe {
                *verdict = Verdict::Unchecked;
            }
            was_safe
        });
        self.wanted.notify_one();
    }

    /// Asks for a check.
    pub(super) fn want_check(&self) {
        self.wanted.notify_one();
    }

    pub(super) async fn check_wanted(&self) {
        self.wanted.notified().await;
    }

    /// Keeps what a check found. Says it in the log, if it is something else than before.
    pub(super) fn set(&self, found: Verdict) {
        let changed = self.verdict.send_if_modified(|verdict| {
            let changes = *verdict != found;
            verdict.clone_from(&found);
            changes
        });
        match found {
            Verdict::Unsafe(why) if changed => {
                tracing::error!(%why, "the intake stream is not safe, so payloads are refused");
            }
            Verdict::Safe { .. } if changed => tracing::info!("the intake stream is safe"),
            _ => {}
        }
    }

    /// Waits until it is known whether it is safe, at most until then. Gives the number of the
    /// connection that is.
    pub(super) async fn safe_by(&self, deadline: Instant) -> Option<u64> {
        let mut verdict = self.verdict.subscribe();
        let known = verdict.wait_for(|verdict| *verdict != Verdict::Unchecked);
        match timeout_at(deadline, known).await {
            Ok(Ok(verdict)) => match *verdict {
                Verdict::Safe { connection } => Some(connection),
                Verdict::Unchecked | Verdict::Unsafe(_) => None,
            },
            // An error means that there is no sender, which `self` holds.
            Ok(Err(_)) | Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn payloads_wait_for_a_check_after_the_connection_ended() {
        let health = Health::default();
        let soon = || Instant::now() + Duration::from_secs(1);
        assert_eq!(health.safe_by(soon()).await, None, "nothing was checked");
        health.set(Verdict::Safe { connection: 1 });
        assert_eq!(health.safe_by(soon()).await, Some(1));
        health.forget();
        let waiting = health.safe_by(soon());
        let checking = async { health.set(Verdict::Safe { connection: 2 }) };
        assert_eq!(tokio::join!(waiting, checking).0, Some(2));
        health.set(Verdict::Unsafe("n1".into()));
        health.forget();
        assert_eq!(health.verdict(), Verdict::Unsafe("n1".into()), "it stays wrong");
        assert_eq!(health.safe_by(soon()).await, None);
    }
}
