//! The server's own log, on standard error: for people on a terminal, as JSON otherwise.
//!
//! Never contents of payloads, and never keys.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;

/// Starts logging. A second call in one process does nothing.
pub fn start() {
    let log =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(LevelFilter::INFO);
    // An error means that logging was started before, which is what is wanted.
    let _ = if std::io::stderr().is_terminal() {
        log.with_target(false).compact().try_init()
    } else {
        log.json().flatten_event(true).try_init()
    };
}
