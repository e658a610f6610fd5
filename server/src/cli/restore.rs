//! `lamplight restore`: make a data directory of a backup.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::data::DataArgs;
use crate::backup::{RestoreError, restore as restore_backup};
use crate::config::ConfigError;
use crate::terminal::{Progress, Unit};

/// What to restore, and where to.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  lamplight restore --from /mnt/backups/lamplight-20260131T120000Z --data ./restored
  lamplight restore --from /mnt/backups/lamplight-20260131T120000Z --replace")]
pub struct RestoreArgs {
    /// The backup: one of the directories that `lamplight backup` wrote
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// If the data directory is not empty, move what is in it aside; nothing is deleted
    #[arg(long)]
    pub replace: bool,
    /// The data directory.
    #[command(flatten)]
    pub data: DataArgs,
}

/// A restore failed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreCommandError {
    /// The configuration file cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The backup cannot be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The result cannot be printed.
    #[error("print what the restore did")]
    Print(#[from] std::io::Error),
}

/// Restores a backup at `now_ms`, and prints the path of the data directory to `out`.
///
/// # Errors
/// [`RestoreCommandError`].
pub fn restore(
    args: &RestoreArgs,
    now_ms: i64,
    out: &mut impl Write,
) -> Result<(), RestoreCommandError> {
    let data = args.data.path()?;
    let mut progress = Progress::of(Unit::Bytes);
    let restored = restore_backup(&args.from, &data, args.replace, now_ms, &mut progress)?;
    drop(progress);
    let (manifest, err) = (restored.manifest, &mut std::io::stderr());
    if let Some(moved_to) = restored.moved_to {
        writeln!(err, "moved what was in {} to {}", data.display(), moved_to.display())?;
    }
    writeln!(
        err,
        "restored the backup of {}: {}. Start the server with this directory. Clients send again \
         what they still have, and the server stores none of it twice. Sinks get deliveries again \
         that were sent after the backup, with the same ids. What arrived after the backup and no \
         client has any more is a hole: /api/producers lists it as in_flight for 30 days, and then \
         as lost",
        manifest.created, manifest.counts
    )?;
    writeln!(out, "{}", data.display())?;
    Ok(())
}
