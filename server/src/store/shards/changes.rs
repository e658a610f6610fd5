//! One signal that changes whenever one of several does.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// One signal that changes whenever one of several does. Its tasks end with those signals.
#[derive(Debug, Clone)]
pub(super) struct Changes {
    changed: watch::Sender<u64>,
    signals: Arc<Mutex<Vec<watch::Receiver<u64>>>>,
}

impl Changes {
    /// The changes of all of these.
    pub(super) fn of(signals: impl IntoIterator<Item = watch::Receiver<u64>>) -> Self {
        let signals: Vec<_> = signals.into_iter().collect();
        let followed = signals.clone();
        let signals = Arc::new(Mutex::new(signals));
        let changes = Self { changed: watch::Sender::new(0), signals };
        for mut signal in followed {
            let changes = changes.clone();
            tokio::spawn(async move {
                while signal.changed().await.is_ok() {
                    changes.look();
                }
            });
        }
        changes
    }

    /// Changes now, if one of the signals has changed and this has not followed yet.
    pub(super) fn look(&self) {
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut has_changed = false;
        for signal in signals.iter_mut() {
            if signal.has_changed().unwrap_or(false) {
                signal.mark_unchanged();
                has_changed = true;
            }
        }
        if has_changed {
            self.changed.send_modify(|changes: &mut u64| *changes = changes.wrapping_add(1));
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
