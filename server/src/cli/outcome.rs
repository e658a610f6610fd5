//! How a command ends.

use std::io;

use super::serve::stop_signal;
use crate::client::{Api, ClientError, Need, PlaceArgs, open};
use crate::config::Config;
use crate::terminal::Output;

/// What a command found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is done, and all is well: exit status 0.
    Done,
    /// What it looked for is there, or something is wrong with it: exit status 1.
    Found,
}

/// A command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The API did not answer as it should.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The result cannot be written.
    #[error("write the result")]
    Output(#[from] io::Error),
    /// Another reason, which completes "failed to …".
    #[error("{0}")]
    Failed(String),
}

/// Opens the place where a command works, lets it work, and closes the place again.
///
/// # Errors
/// [`CommandError`].
pub(super) async fn at_place(
    args: &PlaceArgs,
    configured: Option<&Config>,
    need: Need,
    work: impl AsyncFnOnce(&Api) -> Result<Outcome, CommandError>,
) -> Result<Outcome, CommandError> {
    let api = open(args, configured, need, &mut |text| Output::note(text)).await?;
    let done = work(&api).await;
    let closed = api.close().await;
    let outcome = done?;
    closed?;
    Ok(outcome)
}

/// Ends when somebody presses Ctrl-C, or asks the process to stop.
pub(super) async fn interrupt() {
    stop_signal().await;
}
