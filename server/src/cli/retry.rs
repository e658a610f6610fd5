//! `lamplight retry`: dead letters, tried again.

use std::io::Write;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::event_filter::time_ms;
use super::outcome::{CommandError, Outcome, at_place};
use crate::client::{Api, Need, PlaceArgs};
use crate::terminal::Output;

const EXAMPLES: &str = "\
Examples:
  Count the dead letters of a sink, then retry them over 10 minutes:
    lamplight retry --sink archive --dry-run
    lamplight retry --sink archive --over-s 600";

/// Which dead letters to retry. Each must match everything that is given.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct RetryArgs {
    /// Dead letters of this sink
    #[arg(long, value_name = "SINK", required_unless_present = "event")]
    pub sink: Option<String>,
    /// Dead letters of this event, by the id that the server or the client gave it
    #[arg(long, value_name = "ID")]
    pub event: Option<String>,
    /// Dead letters whose last attempt failed for this reason, such as timeout
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Dead letters of events received at this time or later: a day such as 2026-01-31 in UTC, RFC
    /// 3339, or milliseconds since 1970
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub from: Option<i64>,
    /// Dead letters of events received before this time
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub to: Option<i64>,
    /// Spread the attempts over this number of seconds
    #[arg(long, value_name = "SECONDS")]
    pub over_s: Option<u32>,
    /// Only count the dead letters
    #[arg(long)]
    pub dry_run: bool,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Serialize)]
struct Ask<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sink: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    over_s: Option<u32>,
    dry_run: bool,
}

#[derive(Deserialize)]
struct Retried {
    count: u64,
    more: bool,
}

/// Queues dead letters again, until none is left that matches.
///
/// # Errors
/// [`CommandError`]. What was queued until then stays queued.
pub async fn retry(args: &RetryArgs, out: &mut Output) -> Result<Outcome, CommandError> {
    at_place(&args.place, None, Need::Change, async |api: &Api| {
        let ask = Ask {
            sink: args.sink.as_deref(),
            event: args.event.as_deref(),
            reason: args.reason.as_deref(),
            from: args.from,
            to: args.to,
            over_s: args.over_s,
            dry_run: args.dry_run,
        };
        let mut count = 0;
        let more = loop {
            let retried: Retried = api.post("/api/deliveries/retry", &ask).await?;
            count += retried.count;
            if args.dry_run || !retried.more || retried.count == 0 {
                break if retried.more { " or more" } else { "" };
            }
        };
        let is_one = count == 1 && more.is_empty();
        let deliveries = if is_one { "delivery" } else { "deliveries" };
        let done = match (args.dry_run, is_one) {
            (true, _) => "would be queued again",
            (false, true) => "is queued again",
            (false, false) => "are queued again",
        };
        writeln!(out, "{count}{more} {deliveries} {done}")?;
        out.flush()?;
        Ok(Outcome::Done)
    })
    .await
}
