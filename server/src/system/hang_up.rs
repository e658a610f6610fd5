//! The signal that asks a server to read its files again, as `systemctl reload` sends it.

/// Receives SIGHUP. A process that does not is ended by it. Windows has no such signal, so there
/// the server looks at the files by itself only.
#[derive(Debug)]
pub struct HangUp {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl HangUp {
    /// Receives the signal from now on.
    #[cfg(unix)]
    pub fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "failed to listen for SIGHUP"));
        Self { signal: signal.ok() }
    }

    /// Nothing to receive.
    #[cfg(windows)]
    pub fn listen() -> Self {
        Self {}
    }

    /// Waits for the next signal, which never comes.
    #[cfg(windows)]
    pub async fn next(&mut self) {
        std::future::pending::<()>().await;
    }

    /// Waits for the next signal.
    #[cfg(unix)]
    pub async fn next(&mut self) {
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}
