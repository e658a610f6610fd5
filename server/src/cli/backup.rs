//! `lamplight backup`: copy the data directory, also while the server runs.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::data::DataArgs;
use super::database::{DatabaseArgs, DatabaseArgsError};
use crate::backup::{BackupError, BackupPlan, back_up};
use crate::config::ConfigError;
use crate::counted::counted;
use crate::store::postgres::DatabaseUrl;
use crate::system::background::lower_command_priority;
use crate::system::data_dir::{DataDirError, check_restored};
use crate::terminal::{Progress, Unit};

/// What to back up, and where to.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  lamplight backup --to /mnt/backups
  lamplight backup --to /mnt/backups --keep 7 --data /var/lib/lamplight")]
pub struct BackupArgs {
    /// Directory of the backups; each gets a directory of its own in it
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Keep this many backups there, and remove older ones [default: all]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// The data directory.
    #[command(flatten)]
    pub data: DataArgs,
    /// The database, if everything is in one.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

/// A backup failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupCommandError {
    /// The configuration file cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The backup cannot be made.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The database cannot be found.
    #[error(transparent)]
    FindDatabase(#[from] DatabaseArgsError),
    /// Everything is in a database.
    #[error(
        "back up {database}: this command copies data directories only. Servers may go on while you run \
         PostgreSQL's own program:\n\n  {command}\n\nTo copy a data directory instead, name it with --data"
    )]
    Database {
        /// The database, without secrets.
        database: String,
        /// What to run instead.
        command: String,
    },
    /// The result cannot be printed.
    #[error("print what the backup did")]
    Print(#[from] std::io::Error),
}

/// Makes a backup at `now_ms`, and prints its path to `out`.
///
/// # Errors
/// [`BackupCommandError`].
pub fn backup(
    args: &BackupArgs,
    now_ms: i64,
    out: &mut impl Write,
) -> Result<(), BackupCommandError> {
    // A server on the same machine comes first.
    lower_command_priority();
    let urls = args.database.urls(&args.data)?;
    if !urls.is_empty() {
        let places: Vec<String> = urls.iter().map(ToString::to_string).collect();
        let command = dump_commands(&args.to, &urls).join("\n");
        return Err(BackupCommandError::Database { database: places.join(" and "), command });
    }
    let data = args.data.path()?;
    check_restored(&data)?;
    let plan = BackupPlan { data: &data, to: &args.to, keep: args.keep, now_ms };
    let mut progress = Progress::of(Unit::Bytes);
    let made = back_up(&plan, &mut progress)?;
    drop(progress);
    let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
    let counts = made.manifest.counts;
    writeln!(
        std::io::stderr(),
        "backed up {}: {counts}. Copied {} MiB, and shares {} MiB with the backup before. Removed {}",
        data.display(),
        mib(made.copied_bytes),
        mib(made.shared_bytes),
        counted(made.removed.len() as u64, "earlier backup", "earlier backups")
    )?;
    writeln!(out, "{}", made.path.display())?;
    Ok(())
}

/// The commands that copy databases, one for each.
fn dump_commands(to: &Path, urls: &[DatabaseUrl]) -> Vec<String> {
    let command = |(number, url): (usize, &DatabaseUrl)| {
        let number = if urls.len() > 1 { format!("-{number}") } else { String::new() };
        format!(
            "pg_dump --format=directory --jobs=4 --no-privileges \\\n    --file={}/lamplight{number}-$(date +%Y%m%d) '{}'",
            to.display(),
            url.for_clients()
        )
    };
    (1..).zip(urls).map(command).collect()
}
