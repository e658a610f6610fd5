//! `lamplight forget`: what the pages of a source claim and did not send.

use std::io::Write;

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::outcome::{CommandError, Outcome, at_place};
use crate::client::{Api, Need, PlaceArgs, segment};
use crate::counted::counted;
use crate::terminal::Output;

const EXAMPLES: &str = "\
Examples:
  Forget the numbers that somebody has invented with the key of this source:
    lamplight forget web --yes";

/// Which source.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct ForgetArgs {
    /// Name of the source
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// Do it: this cannot be undone
    #[arg(long, required = true)]
    pub yes: bool,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Deserialize)]
struct Forgotten {
    producers: u64,
    declared: u64,
    missing: u64,
}

/// Forgets what the pages of a source claim and did not send. Stored events stay.
///
/// # Errors
/// [`CommandError`].
pub async fn forget(args: &ForgetArgs, out: &mut Output) -> Result<Outcome, CommandError> {
    at_place(&args.place, None, Need::Change, async |api: &Api| {
        let path = format!("/api/sources/{}/forget", segment(&args.source));
        let done: Forgotten = api.post(&path, &json!({})).await?;
        let Forgotten { producers, declared, missing } = done;
        writeln!(
            out,
            "{} changed: {missing} missing and {} longer count",
            counted(producers, "producer", "producers"),
            counted(declared, "declared number no", "declared numbers no")
        )?;
        out.flush()?;
        Ok(Outcome::Done)
    })
    .await
}
