//! `lamplight replay`: reprocess stored payloads while no server runs.

use std::io::Write;

use clap::Args;

use crate::config::Config;
use crate::process::{ProcessError, Replayer};
use crate::server::{BuildError, Server};
use crate::store::{PayloadSpan, ReplayId, StoreError};
use crate::system::data_dir::{DataDir, DataDirError};
use crate::system::supervisor::Supervisor;

/// What to replay.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// Replay payloads received at this time or later: milliseconds since 1970, or RFC 3339 such as
    /// 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub from: i64,
    /// Replay payloads received before this time
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub to: i64,
    /// Only count the payloads
    #[arg(long)]
    pub dry_run: bool,
    /// The configuration of the server that received the payloads.
    #[command(flatten)]
    pub config: Config,
}

fn time_ms(text: &str) -> Result<i64, String> {
    text.parse().or_else(|_| {
        let time = text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond);
        time.map_err(|_| {
            "write milliseconds since 1970, or a time such as 2026-01-31T12:00:00Z".into()
        })
    })
}

/// A replay failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A server uses the data directory.
    #[error(
        "replay: a server is using the data directory. Stop it, or let it replay with \
         POST /api/replay"
    )]
    ServerRunning,
    /// The parts of the server cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Processing failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The span is empty.
    #[error("replay: --from ({from} ms since 1970) must be before --to ({to} ms since 1970)")]
    EmptySpan {
        /// The value of `--from`.
        from: i64,
        /// The value of `--to`.
        to: i64,
    },
    /// The result cannot be printed.
    #[error("print what the replay did")]
    Print(#[from] std::io::Error),
}

/// Replays what was received in a span, or only counts it, and prints the result to `out`.
///
/// # Errors
/// [`ReplayError`]. What was replayed until then stays replayed; replaying it again does no harm.
pub async fn replay(args: &ReplayArgs, out: &mut impl Write) -> Result<(), ReplayError> {
    if args.from >= args.to {
        return Err(ReplayError::EmptySpan { from: args.from, to: args.to });
    }
    let dir = match DataDir::open_existing(&args.config.data) {
        Err(DataDirError::Locked { .. }) => return Err(ReplayError::ServerRunning),
        opened => opened?,
    };
    let server = Server::open(&args.config, dir, Supervisor::default())?;
    let span = PayloadSpan::received(args.from, args.to);
    let count = server.storage.archive.count(span).await?;
    let more = if count.has_more { " or more" } else { "" };
    writeln!(out, "{} payloads with {} events{more}", count.payloads, count.events)?;
    if !args.dry_run {
        let id = server.storage.replays.begin(span, server.clock.now_ms()).await?;
        run(&server.replayer(), id, out).await?;
    }
    server.close().await?;
    Ok(())
}

/// Replays until the replay with this id is done, after those that were requested before it.
async fn run(replayer: &Replayer, id: ReplayId, out: &mut impl Write) -> Result<(), ReplayError> {
    let replays = &replayer.storage.replays;
    while replays.next().await?.is_some_and(|next| next.id <= id) {
        replayer.round().await?;
    }
    if let Some(replay) = replays.list().await?.into_iter().find(|replay| replay.id == id) {
        let done = replay.done;
        writeln!(
            out,
            "replayed {} payloads: {} events rewritten, {} restored, {} accepted; {} payloads skipped",
            done.payloads, done.rewritten, done.restored, done.accepted, done.skipped
        )?;
    }
    Ok(())
}
