//! Follows what other servers on the same database do to keys and sessions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::keyring::Keyring;
use super::shared_sessions::SharedSessions;
use crate::store::{Keys, PeerChanges, StoreError};
use crate::system::clock::Clock;

/// How often to look without being told.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often a look begins again because something changed here meanwhile.
const TRIES: u32 = 3;

/// Follows what other servers do to keys and sessions.
pub struct Following {
    /// The keys of all servers.
    pub keys: Arc<dyn Keys>,
    /// The keys that this server knows.
    pub keyring: Arc<Keyring>,
    /// The sessions.
    pub sessions: Arc<SharedSessions>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Changes when others changed something.
    pub changes: PeerChanges,
}

impl Following {
    /// Follows until `stop` holds true.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut has_failed = false;
        while !*stop.borrow() {
            self.changes.keys.mark_unchanged();
            self.changes.sessions.mark_unchanged();
            let failed = self.look().await;
            if let (Err(error), false) = (&failed, has_failed) {
                let error = error as &dyn std::error::Error;
                tracing::warn!(error, "failed to read keys and sessions again: trying every 5 s");
            }
            has_failed = failed.is_err();
            let PeerChanges { keys, sessions } = &mut self.changes;
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                Ok(()) = keys.changed(), if !has_failed => {}
                Ok(()) = sessions.changed(), if !has_failed => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Takes over which keys and sessions there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look(&self) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let changes = self.keyring.changes();
            if self.keyring.replace(self.keys.list().await?, changes) {
                break;
            }
        }
        self.sessions.refresh(self.clock.now_ms()).await
    }
}
