//! Why chaos could not be finished.

/// Chaos could not be finished. Each completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub(super) enum ChaosError {
    /// Somebody asked it to stop.
    #[error("finish chaos: it was interrupted, so nothing is known about the equation")]
    Interrupted,
    /// No browser was found.
    #[error(
        "find a browser: install Chromium (Debian: apt-get install chromium, macOS: brew install \
         --cask chromium) or Google Chrome, or name one with --browser or LAMPLIGHT_CHROMIUM"
    )]
    NoBrowser,
    /// A program cannot be started.
    #[error("start {program}: {cause}")]
    Start {
        /// The program.
        program: String,
        /// Why, and what it said.
        cause: String,
    },
    /// The browser did not do what it was asked to.
    #[error("control the browser: {0}")]
    Browser(String),
    /// The demo's page is not as expected.
    #[error("run the demo's page: {0}")]
    Page(String),
    /// A file or a process of its own.
    #[error("{0}")]
    System(String),
}
