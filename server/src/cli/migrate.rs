//! `lamplight migrate`: move an installation to a database, or back.

use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use super::outcome::interrupt;
use crate::counted::counted;
use crate::migrate::{self, MigrateError, Migration, Place, Watch};
use crate::store::postgres::UrlError;
use crate::system::entropy::{Entropy, SystemEntropy};
use crate::system::secret::Secret;
use crate::terminal::{Progress, Unit};

/// What to move, and where to.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  lamplight migrate --from ./lamplight-data --to postgres://lamplight@db.internal/lamplight
  lamplight migrate --from postgres://lamplight@db.internal/lamplight --to ./lamplight-data-back
  lamplight migrate --undo --from ./lamplight-data")]
pub struct MigrateArgs {
    /// Where everything is: a data directory, or the URL of a PostgreSQL database
    #[arg(long, value_name = "PLACE")]
    pub from: Secret,
    /// Where it goes: the URL of an empty database, or a new directory
    #[arg(long, value_name = "PLACE", required_unless_present = "undo")]
    pub to: Option<Secret>,
    /// Let servers use the source again as it was; what the target has received since stays there
    #[arg(long, conflicts_with = "to")]
    pub undo: bool,
}

/// A migration failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateCommandError {
    /// A URL is wrong.
    #[error("read --{0}: {1}")]
    Url(&'static str, UrlError),
    /// Several databases are named to move from.
    #[error(
        "read --from: it names several databases, and `lamplight migrate` moves one. Move everything to one of them \
         with `lamplight shards move --drain`, remove the others with `lamplight shards remove`, and give the URL of \
         the one that is left"
    )]
    SeveralFrom,
    /// Several databases are named to move to.
    #[error(
        "read --to: it names several databases, and `lamplight migrate` moves to one. Move to an empty one, start \
         the servers with the URLs of all, and divide the data with `lamplight shards move`"
    )]
    SeveralTo,
    /// The migration did not finish.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The result cannot be printed.
    #[error("print what the migration did")]
    Print(#[from] std::io::Error),
}

/// Moves an installation, and prints where it is now to `out`.
///
/// # Errors
/// [`MigrateCommandError`].
pub async fn migrate(
    args: &MigrateArgs,
    now_ms: i64,
    out: &mut impl Write,
) -> Result<(), MigrateCommandError> {
    let is_several = |text: &str| text.contains("://") && text.split_whitespace().count() > 1;
    if is_several(args.from.reveal()) {
        return Err(MigrateCommandError::SeveralFrom);
    }
    if args.to.as_ref().is_some_and(|to| is_several(to.reveal())) {
        return Err(MigrateCommandError::SeveralTo);
    }
    let from: Place =
        args.from.reveal().parse().map_err(|it| MigrateCommandError::Url("from", it))?;
    let Some(to) = &args.to else {
        migrate::undo(&from).await?;
        writeln!(std::io::stderr(), "servers may use {from} again")?;
        return Ok(());
    };
    let to: Place = to.reveal().parse().map_err(|it| MigrateCommandError::Url("to", it))?;
    let id = SystemEntropy.uuid_v7(now_ms).map_err(MigrateError::from)?;
    let migration = Migration { from, to, id, now_ms };
    let stopped = Arc::<AtomicBool>::default();
    let mut shown =
        Shown { progress: Progress::of(Unit::Things("rows")), stopped: Arc::clone(&stopped) };
    let migrated = {
        let mut moving = pin!(migrate::migrate(&migration, &mut shown));
        tokio::select! {
            migrated = &mut moving => migrated,
            () = interrupt() => {
                // What it is doing ends with the batch.
                stopped.store(true, Ordering::Release);
                moving.await
            }
        }
    };
    drop(shown);
    let migrated = migrated?;
    writeln!(
        std::io::stderr(),
        "moved everything from {} to {}: {} are the same on both sides. Servers no longer use {}",
        migration.from,
        migration.to,
        counted(migrated.compared, "row", "rows"),
        migration.from,
    )?;
    writeln!(out, "{}", migration.to)?;
    Ok(())
}

/// Shows a migration, and stops it when somebody asks to.
struct Shown {
    progress: Progress,
    stopped: Arc<AtomicBool>,
}

impl Watch for Shown {
    fn begin(&mut self, step: &str, rows: u64) {
        self.progress.begin(step, (rows > 0).then_some(rows));
    }

    fn reach(&mut self, rows: u64) -> bool {
        self.progress.at(rows, "");
        !self.stopped.load(Ordering::Acquire)
    }

    fn note(&mut self, text: &str) {
        self.progress.note(text);
    }
}
