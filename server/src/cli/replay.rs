//! `lamplight replay`: reprocess stored payloads, at a running server or on its data.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::event_filter::time_ms;
use super::outcome::{CommandError, Outcome, at_place};
use crate::client::{Api, Need, PlaceArgs, RemoteArgs};
use crate::config::Config;
use crate::counted::counted;
use crate::terminal::{Output, Progress, Unit};

/// How often to look how far a replay is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  Count what was received in January:
    lamplight replay --from 2026-01-01 --to 2026-02-01 --dry-run
  Replay it at the running server:
    lamplight replay --from 2026-01-01 --to 2026-02-01 --url http://127.0.0.1:8787";

/// What to replay.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    /// Replay payloads received at this time or later: a day such as 2026-01-31 in UTC, RFC 3339,
    /// or milliseconds since 1970
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
    /// A running server.
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Whether the data directory was named by a flag.
    #[arg(skip)]
    pub data_is_flag: bool,
}

#[derive(Deserialize)]
struct Begun {
    replay: Option<i64>,
    payloads: u64,
    events: u64,
    has_more: bool,
}

#[derive(Deserialize)]
struct Replays {
    replays: Vec<ReplayState>,
}

#[derive(Deserialize)]
struct ReplayState {
    replay: i64,
    state: String,
    payloads: u64,
    rewritten: u64,
    restored: u64,
    accepted: u64,
    skipped: u64,
}

/// Replays what was received in a span, or only counts it, and prints the result.
///
/// # Errors
/// [`CommandError`]. What was replayed until then stays replayed; replaying it again does no harm.
pub async fn replay(args: &ReplayArgs, out: &mut Output) -> Result<Outcome, CommandError> {
    let (from, to) = (args.from, args.to);
    if from >= to {
        return Err(CommandError::Failed(format!(
            "replay: --from ({from} ms since 1970) must be before --to ({to} ms since 1970)"
        )));
    }
    let place = PlaceArgs {
        remote: args.remote.clone(),
        data: args.data_is_flag.then(|| args.config.data.clone()),
        config: args.config.config.clone(),
    };
    at_place(&place, Some(&args.config), Need::Replay, async |api: &Api| {
        let ask = json!({ "from": from, "to": to, "dry_run": args.dry_run });
        let begun: Begun = api.post("/api/replay", &ask).await?;
        let more = if begun.has_more { " or more" } else { "" };
        let payloads = counted(begun.payloads, "payload", "payloads");
        writeln!(out, "{payloads} with {}{more}", counted(begun.events, "event", "events"))?;
        out.flush()?;
        if let Some(id) = begun.replay {
            let total = (!begun.has_more).then_some(begun.payloads);
            let done = wait(api, id, total).await?;
            writeln!(
                out,
                "replayed {}: {} rewritten, {} restored, {} accepted; {} skipped",
                counted(done.payloads, "payload", "payloads"),
                counted(done.rewritten, "event", "events"),
                done.restored,
                done.accepted,
                counted(done.skipped, "payload", "payloads")
            )?;
            out.flush()?;
        }
        Ok(Outcome::Done)
    })
    .await
}

/// Waits until a replay has ended, after those that were requested before it.
async fn wait(api: &Api, id: i64, total: Option<u64>) -> Result<ReplayState, CommandError> {
    let mut progress = Progress::of(Unit::Things("payloads"));
    progress.begin("replay", total);
    loop {
        let found: Replays = match api.get("/api/replay", &[]).await {
            Ok(found) => found,
            // It continues after a restart of the server.
            Err(error) if error.is_temporary() => {
                progress.note(&format!("failed to {error}; the replay continues, looking again"));
                tokio::time::sleep(10 * LOOK_EVERY).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let replay = found.replays.into_iter().find(|replay| replay.replay == id);
        let replay = replay.ok_or_else(|| {
            CommandError::Failed(format!("follow replay {id}: the server no longer lists it"))
        })?;
        progress.at(replay.payloads, "");
        if replay.state == "ended" {
            return Ok(replay);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
