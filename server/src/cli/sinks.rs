//! `lamplight sinks`: where events are delivered to.

use std::collections::BTreeMap;
use std::io::Write;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use super::outcome::{CommandError, Outcome, at_place};
use crate::client::{Api, Need, PlaceArgs, segment};
use crate::terminal::{Column, Output, Table};

const EXAMPLES: &str = "\
Examples:
  Show each sink, what waits for it, and why it receives nothing:
    lamplight sinks list
  Stop deliveries to a sink for a while; its events stay queued:
    lamplight sinks pause archive
    lamplight sinks resume archive";

/// What to do with sinks.
#[derive(Debug, Clone, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum SinksCommand {
    /// List the sinks
    #[command(after_help = "Examples:\n  lamplight sinks list --json")]
    List(SinkListArgs),
    /// Stop deliveries to a sink after the current batch; its events stay queued
    #[command(after_help = "Examples:\n  lamplight sinks pause archive")]
    Pause(SinkArgs),
    /// Continue deliveries to a sink that is paused or stopped
    #[command(after_help = "Examples:\n  lamplight sinks resume archive")]
    Resume(SinkArgs),
}

/// How to list.
#[derive(Debug, Clone, Args)]
pub struct SinkListArgs {
    /// Print the sinks as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Which sink.
#[derive(Debug, Clone, Args)]
pub struct SinkArgs {
    /// Name of the sink
    #[arg(value_name = "SINK")]
    pub sink: String,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

impl SinksCommand {
    /// Where to work.
    pub(super) fn place_mut(&mut self) -> &mut PlaceArgs {
        match self {
            Self::List(args) => &mut args.place,
            Self::Pause(args) | Self::Resume(args) => &mut args.place,
        }
    }
}

#[derive(Deserialize)]
struct Totals {
    sinks: BTreeMap<String, Value>,
}

/// Lists, pauses or resumes sinks.
///
/// # Errors
/// [`CommandError`].
pub async fn sinks(command: &SinksCommand, out: &mut Output) -> Result<Outcome, CommandError> {
    match command {
        SinksCommand::List(args) => {
            at_place(&args.place, None, Need::Read, async |api: &Api| {
                let Totals { sinks } = api.get("/api/totals", &[]).await?;
                if args.json {
                    writeln!(out, "{}", json!(sinks))?;
                } else if sinks.is_empty() {
                    Output::note(
                        "there are no sinks: `lamplight config example` shows how to add one",
                    );
                } else {
                    table(&sinks).write(out)?;
                }
                out.flush()?;
                Ok(Outcome::Done)
            })
            .await
        }
        SinksCommand::Pause(args) | SinksCommand::Resume(args) => {
            let (verb, done) = match command {
                SinksCommand::Pause(_) => ("pause", "paused: its events stay queued"),
                _ => ("resume", "resumed"),
            };
            at_place(&args.place, None, Need::Change, async |api: &Api| {
                let path = format!("/api/sinks/{}/{verb}", segment(&args.sink));
                let _: Value = api.post(&path, &json!({})).await?;
                Output::note(&format!("sink {} is {done}", args.sink));
                Ok(Outcome::Done)
            })
            .await
        }
    }
}

fn table(sinks: &BTreeMap<String, Value>) -> Table {
    const COUNTS: [&str; 5] = ["waiting", "sent", "dead", "dropped", "discarded"];
    let titles = ["sink", "kind", "state"].map(Column::text).into_iter();
    let titles = titles.chain(COUNTS.map(Column::number)).chain([Column::text("reason")]);
    let mut table = Table::new(titles);
    for (name, sink) in sinks {
        let text = |key: &str| sink[key].as_str().unwrap_or_default().to_owned();
        let cells = [name.clone(), text("kind"), text("state")].into_iter();
        let counts = COUNTS.map(|key| sink[key].to_string());
        table.row(cells.chain(counts).chain([text("reason")]));
    }
    table
}
