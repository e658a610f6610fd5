//! `lamplight replay`: a replay without a server.

use std::io::Write;
use std::sync::Arc;

use crate::config::ReplayArgs;
use crate::process::enrich::GeoError;
use crate::process::{ProcessError, REPLAY_PAYLOADS_MAX, Replayer};
use crate::store::sqlite::{self, OpenError, WriterLimits};
use crate::store::{PayloadSpan, ReplayId, StoreError};
use crate::system::clock::{Clock, SystemClock};
use crate::system::data_dir::{DataDir, DataDirError};

/// A replay failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A server uses the data directory.
    #[error("replay: a server is using the data directory. Ask that one, with POST /api/replay")]
    Serving,
    /// A database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of places cannot be used.
    #[error(transparent)]
    Geo(#[from] GeoError),
    /// Processing failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The span is empty.
    #[error("replay: --from must be before --to")]
    Empty,
    /// What it did cannot be told.
    #[error("print what the replay did")]
    Print(#[from] std::io::Error),
}

/// Replays what was received in a span, or only counts it, and says what it did on `out`.
///
/// # Errors
/// [`ReplayError`]. What was replayed until then is done; replaying it again does no harm.
pub async fn replay(args: &ReplayArgs, out: &mut impl Write) -> Result<(), ReplayError> {
    if args.from >= args.to {
        return Err(ReplayError::Empty);
    }
    let dir = match DataDir::open(&args.data) {
        Err(DataDirError::Locked { .. }) => return Err(ReplayError::Serving),
        opened => opened?,
    };
    let limits = WriterLimits::default();
    let storage = sqlite::open(&dir.intake_db(), &dir.store_db(), limits, Vec::new())?;
    let span = PayloadSpan::received(args.from, args.to);
    let count = storage.archive.count(span).await?;
    let more = if count.has_more { " or more" } else { "" };
    writeln!(out, "{} payloads with {} events{more}", count.payloads, count.events)?;
    if !args.dry_run {
        let id = storage.replays.begin(span, SystemClock.now_ms()).await?;
        let enrichers = Arc::new(args.enrichment.enrichers()?);
        let replayer = Replayer {
            storage: storage.clone(),
            clock: Arc::new(SystemClock),
            payloads_max: REPLAY_PAYLOADS_MAX,
            planner: enrichers,
        };
        run(&replayer, id, out).await?;
    }
    storage.close().await?;
    Ok(())
}

/// Replays until the replay is done, and those that were asked for before it.
async fn run(replayer: &Replayer, id: ReplayId, out: &mut impl Write) -> Result<(), ReplayError> {
    let replays = &replayer.storage.replays;
    while replays.next().await?.is_some_and(|next| next.id <= id) {
        replayer.round().await?;
    }
    if let Some(replay) = replays.list().await?.into_iter().find(|replay| replay.id == id) {
        let done = replay.done;
        writeln!(
            out,
            "replayed {} payloads: {} events rewritten, {} restored, {} accepted; {} payloads left alone",
            done.payloads, done.rewritten, done.restored, done.accepted, done.skipped
        )?;
    }
    Ok(())
}
