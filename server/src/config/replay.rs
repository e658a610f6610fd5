//! `lamplight replay`.

use std::path::PathBuf;

use clap::Args;

use super::EnrichmentArgs;

/// What to replay.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// Directory with the databases
    #[arg(long, env = "LAMPLIGHT_DATA", default_value = "./lamplight-data", value_name = "DIR")]
    pub data: PathBuf,
    /// Replay what was received at this time or later: milliseconds since 1970, or such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub from: i64,
    /// Replay what was received before this time
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub to: i64,
    /// What is added to events.
    #[command(flatten)]
    pub enrichment: EnrichmentArgs,
    /// Only count
    #[arg(long)]
    pub dry_run: bool,
}

fn time_ms(text: &str) -> Result<i64, String> {
    text.parse().or_else(|_| {
        text.parse::<jiff::Timestamp>()
            .map(jiff::Timestamp::as_millisecond)
            .map_err(|_| "neither milliseconds since 1970 nor such as 2026-01-31T12:00:00Z".into())
    })
}
