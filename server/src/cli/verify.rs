//! `lamplight verify`: check a data directory or a backup.

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Outcome;
use super::data::DataArgs;
use super::database::{DatabaseArgs, DatabaseArgsError};
use crate::backup::{Manifest, ManifestError, differences};
use crate::config::ConfigError;
use crate::counted::counted;
use crate::store::postgres::{self, DatabaseUrl, TalliesRepaired};
use crate::store::sqlite::OpenError;
use crate::store::sqlite::snapshot::SnapshotError;
use crate::store::sqlite::tallies::{Repaired, repair};
use crate::store::sqlite::verify::{CHECKS, CheckError, Databases, run};
use crate::system::background::lower_command_priority;
use crate::system::data_dir::{DataDir, DataDirError, check_restored};
use crate::terminal::{Progress, Unit};

/// What to check.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  lamplight verify
  lamplight verify --data /var/lib/lamplight
  lamplight verify --repair
  lamplight verify --backup /mnt/backups/lamplight-20260131T120000Z")]
pub struct VerifyArgs {
    /// Check a backup, and its checksums, instead of the data directory
    #[arg(long, value_name = "DIR")]
    pub backup: Option<PathBuf>,
    /// First count the events of each name and source again. Stop the server of a data directory;
    /// those of a database may run
    #[arg(long, conflicts_with = "backup")]
    pub repair: bool,
    /// The data directory.
    #[command(flatten)]
    pub data: DataArgs,
    /// The database, if everything is in one.
    #[command(flatten)]
    pub database: DatabaseArgs,
}

/// The check could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The configuration file cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// There is no backup that this version can read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The databases cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A check cannot be run.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The events cannot be counted again.
    #[error(transparent)]
    Repair(#[from] OpenError),
    /// The database cannot be found.
    #[error(transparent)]
    FindDatabase(#[from] DatabaseArgsError),
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] postgres::OpenError),
    /// The result cannot be printed.
    #[error("print what was found")]
    Print(#[from] std::io::Error),
}

/// Runs every check, and prints a line to `out` for each rule that does not hold.
///
/// # Errors
/// [`VerifyError`].
pub async fn verify(args: &VerifyArgs, out: &mut impl Write) -> Result<Outcome, VerifyError> {
    let urls = if args.backup.is_none() { args.database.urls(&args.data)? } else { Vec::new() };
    if !urls.is_empty() {
        let mut outcome = Outcome::Done;
        for url in &urls {
            if verify_database(url, args.repair, out).await? == Outcome::Found {
                outcome = Outcome::Found;
            }
        }
        return Ok(outcome);
    }
    lower_command_priority();
    let mut progress = Progress::of(Unit::Bytes);
    let (folder, mut lines) = match &args.backup {
        Some(backup) => {
            let manifest = Manifest::read(backup)?;
            (backup.clone(), differences(backup, &manifest, &mut progress))
        }
        None => (args.data.path()?, Vec::new()),
    };
    check_restored(&folder)?;
    if args.repair {
        repair_counts(&folder, &mut progress)?;
    }
    // A file that differs may be unreadable, and then there is nothing more to say.
    if lines.is_empty() {
        let databases = Databases::open(&folder)?;
        let violations =
            run(&databases, &mut |check| progress.begin(&format!("check {check}"), None))?;
        lines.extend(violations.iter().map(ToString::to_string));
    }
    drop(progress);
    say(&folder.display(), &lines, CHECKS.len(), out)
}

/// The same for a database.
async fn verify_database(
    url: &DatabaseUrl,
    repairs: bool,
    out: &mut impl Write,
) -> Result<Outcome, VerifyError> {
    let mut progress = Progress::of(Unit::Bytes);
    if repairs {
        let mut count = |week, events| {
            progress.begin(&format!("count {events} events of {week}"), None);
        };
        let repaired = postgres::repair(url, &mut count).await?;
        let TalliesRepaired { events, changed, tallies } = repaired;
        say_repaired(events, changed, tallies)?;
    }
    let mut begin = |check: &str| progress.begin(&format!("check {check}"), None);
    let violations = postgres::verify::verify(url, &mut begin).await?;
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    drop(progress);
    say(url, &lines, postgres::verify::CHECKS.len(), out)
}

/// Prints what was found in `place`.
fn say(
    place: &dyn Display,
    lines: &[String],
    checks: usize,
    out: &mut impl Write,
) -> Result<Outcome, VerifyError> {
    for line in lines {
        writeln!(out, "{line}")?;
    }
    let err = &mut std::io::stderr();
    if lines.is_empty() {
        writeln!(err, "{place} is healthy: all {checks} checks hold")?;
        return Ok(Outcome::Done);
    }
    writeln!(err, "{place} is not healthy: {}", counted(lines.len() as u64, "line", "lines"))?;
    Ok(Outcome::Found)
}

fn say_repaired(events: u64, changed: u64, tallies: u64) -> std::io::Result<()> {
    writeln!(
        std::io::stderr(),
        "counted {events} events again: {changed} of {tallies} counts were different"
    )
}

/// Counts the events of each name and source again. No server may run on the directory meanwhile.
fn repair_counts(folder: &Path, progress: &mut Progress) -> Result<(), VerifyError> {
    let dir = DataDir::open_existing(folder)?;
    let Repaired { events, changed, tallies } = repair(&dir.store_db(), &mut |week, events| {
        progress.begin(&format!("count {events} events of {week}"), None);
    })?;
    Ok(say_repaired(events, changed, tallies)?)
}
