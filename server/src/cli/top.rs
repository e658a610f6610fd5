//! `lamplight top`: how a server is doing, refreshed.

use std::io::Write;
use std::pin::pin;
use std::time::Duration;

use clap::Args;

use super::outcome::{CommandError, Outcome, at_place, interrupt};
use super::overview::{Overview, Totals};
use crate::client::{Api, Need, PlaceArgs};
use crate::terminal::{Output, is_terminal_plain, pipe_closed};

/// Shows a screen of its own and hides the cursor, so that the terminal is as before at the end.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
/// Back to the first line; clears to the end of a line, and to the end of the screen.
const HOME: &str = "\u{1b}[H";
const CLEAR_LINE: &str = "\u{1b}[K";
const CLEAR_REST: &str = "\u{1b}[J";

const EXAMPLES: &str = "\
Examples:
  Watch rates, queues, sinks and lost events, until Ctrl-C:
    lamplight top
  Print them once, for a script or a report:
    lamplight top --once
    lamplight top --json";

/// How to show it.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct TopArgs {
    /// Seconds between two updates
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub every: u64,
    /// Print the figures once and exit, as it does if standard output is not a terminal
    #[arg(long)]
    pub once: bool,
    /// Print the answers of /api/totals and /api/queues as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Shows how the server is doing.
///
/// # Errors
/// [`CommandError`].
pub async fn top(args: &TopArgs, out: &mut Output) -> Result<Outcome, CommandError> {
    at_place(&args.place, None, Need::Read, async |api: &Api| {
        if args.json {
            let totals: serde_json::Value = api.get("/api/totals", &[]).await?;
            let queues: serde_json::Value = api.get("/api/queues", &[]).await?;
            writeln!(out, "{}", serde_json::json!({ "totals": totals, "queues": queues }))?;
            out.flush()?;
            return Ok(Outcome::Done);
        }
        let first = Overview::read(api).await?;
        if args.once || !out.is_terminal() || is_terminal_plain() {
            for line in first.lines(None, out.columns(), out.paint()) {
                writeln!(out, "{line}")?;
            }
            out.flush()?;
            return Ok(Outcome::Done);
        }
        out.write_all(ENTER.as_bytes())?;
        let (mut stop, mut closed) = (pin!(interrupt()), pin!(pipe_closed()));
        let shown = tokio::select! {
            shown = refresh(args, first, api, out) => shown,
            () = &mut stop => Ok(()),
            () = &mut closed => Ok(()),
        };
        out.write_all(LEAVE.as_bytes())?;
        out.flush()?;
        shown.map(|()| Outcome::Done)
    })
    .await
}

async fn refresh(
    args: &TopArgs,
    first: Overview,
    api: &Api,
    out: &mut Output,
) -> Result<(), CommandError> {
    let every = Duration::from_secs(args.every);
    let (mut shown, mut before, mut trouble): (_, Option<Totals>, _) = (first, None, None);
    loop {
        let mut lines = shown.lines(before.as_ref(), out.columns(), out.paint());
        lines.extend(trouble.take());
        draw(&lines, out)?;
        tokio::time::sleep(every).await;
        match Overview::read(api).await {
            Ok(now) => before = Some(std::mem::replace(&mut shown, now).totals),
            Err(error) if error.is_temporary() => {
                let text = format!("failed to {error}; trying again");
                trouble = Some(crate::terminal::escape::text(&text).into_owned());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Draws the lines that fit over those before, without a moment of an empty screen.
fn draw(lines: &[String], out: &mut Output) -> Result<(), CommandError> {
    let rows = out.rows().unwrap_or(lines.len()).max(2) - 1;
    out.write_all(HOME.as_bytes())?;
    for line in lines.iter().take(rows) {
        write!(out, "{line}{CLEAR_LINE}\r\n")?;
    }
    out.write_all(CLEAR_REST.as_bytes())?;
    out.flush()?;
    Ok(())
}
