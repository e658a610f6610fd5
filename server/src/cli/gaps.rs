//! `lamplight gaps`: pages whose events have not all arrived.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::outcome::{CommandError, Outcome, at_place};
use super::proof::check_proof;
use crate::client::{Api, ClientError, Need, Params, PlaceArgs};
use crate::counted::counted;
use crate::terminal::{Column, Output, Table, local_time};

/// Most ranges of numbers that a table shows of one producer.
const RANGES_SHOWN: usize = 4;

const EXAMPLES: &str = "\
Examples:
  List the pages that have lost events, with the numbers that never arrived:
    lamplight gaps
  Fail if any event is lost, for example in a nightly job:
    lamplight gaps --check
  List what pages have dropped and said so, with the reasons:
    lamplight gaps --verdict declared --json
  Check a proof that was exported: exit with status 1 if its numbers or its digest are wrong:
    lamplight gaps --proof lamplight-proof-2026-01-31T120000Z.json";

/// Which producers to list.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct GapsArgs {
    /// Which producers to list: those with events of this kind
    #[arg(long, value_name = "VERDICT", default_value = "lost", value_parser = verdicts())]
    pub verdict: String,
    /// Producers of this source
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Print each producer as JSON on a line of its own, with all its ranges
    #[arg(long)]
    pub json: bool,
    /// Exit with status 1 if any producer is listed
    #[arg(long)]
    pub check: bool,
    /// Check this exported proof instead: whether its digest is right, and its numbers add up
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["verdict", "source", "json", "check", "data"]
    )]
    pub proof: Option<PathBuf>,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

fn verdicts() -> PossibleValuesParser {
    PossibleValuesParser::new([
        PossibleValue::new("lost").help("Events that never arrived and were never declared"),
        PossibleValue::new("in_flight").help("Events that may still arrive"),
        PossibleValue::new("declared").help("Events that the page dropped, and said so"),
        PossibleValue::new("all").help("All of these"),
    ])
}

#[derive(Deserialize)]
struct Page {
    producers: Vec<Gap>,
    next: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Gap {
    producer: String,
    source: String,
    made: u64,
    received: u64,
    missing: u64,
    holes: Vec<(u64, u64)>,
    declared: Vec<Declared>,
    next_number: Option<u64>,
    verdict: String,
    last_heard: i64,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize, Serialize)]
struct Declared {
    reason: String,
    ranges: Vec<(u64, u64)>,
}

impl Gap {
    /// Why its events are missing, with their numbers.
    fn cause(&self) -> String {
        let mut causes = Vec::new();
        if !self.holes.is_empty() {
            let why = if self.verdict == "lost" { "never arrived" } else { "not here yet" };
            causes.push(format!("{why}: {}", ranges(&self.holes, self.next_number.is_some())));
        }
        for declared in &self.declared {
            causes.push(format!("{}: {}", declared.reason, ranges(&declared.ranges, false)));
        }
        causes.join("; ")
    }

    fn declared(&self) -> u64 {
        let ranges = self.declared.iter().flat_map(|it| &it.ranges);
        ranges.map(|(first, last)| last.saturating_sub(*first) + 1).sum()
    }
}

/// Ranges of numbers, as people write them.
fn ranges(ranges: &[(u64, u64)], has_more: bool) -> String {
    let shown = ranges.iter().take(RANGES_SHOWN).map(|(first, last)| {
        if first == last { first.to_string() } else { format!("{first}–{last}") }
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    let hidden = ranges.len().saturating_sub(RANGES_SHOWN);
    if has_more || hidden > 0 {
        let plus = if has_more { " or more" } else { "" };
        let others = if hidden == 1 && !has_more { "range" } else { "ranges" };
        let _ = write!(text, " and {hidden}{plus} other {others}");
    }
    text
}

/// Lists producers whose events have not all arrived, or checks a proof.
///
/// # Errors
/// [`CommandError`].
pub async fn gaps(args: &GapsArgs, out: &mut Output) -> Result<Outcome, CommandError> {
    if let Some(path) = &args.proof {
        return check_proof(path, out);
    }
    at_place(&args.place, None, Need::Read, async |api: &Api| {
        let wanted: &[&str] = match args.verdict.as_str() {
            "all" => &["lost", "in_flight", "declared"],
            verdict => &[verdict],
        };
        let columns = [
            Column::text("producer"),
            Column::text("source"),
            Column::text("verdict"),
            Column::number("made"),
            Column::number("received"),
            Column::number("missing"),
            Column::number("declared"),
            Column::text("last heard"),
            Column::text("cause and numbers"),
        ];
        let (mut table, mut count, mut numbers) = (Table::new(columns), 0_u64, 0_u64);
        for verdict in wanted {
            let mut params: Params =
                vec![("verdict".into(), (*verdict).into()), ("limit".into(), "500".into())];
            params.extend(args.source.clone().map(|source| ("source".into(), source)));
            let mut cursor: Option<String> = None;
            loop {
                let mut params = params.clone();
                params.extend(cursor.take().map(|cursor| ("cursor".into(), cursor)));
                let page: Page = api.get("/api/producers", &params).await?;
                for mut producer in page.producers {
                    count += 1;
                    numbers += producer.missing;
                    if args.json {
                        read_all_ranges(api, &mut producer).await?;
                        let line = serde_json::to_string(&producer).unwrap_or_default();
                        writeln!(out, "{line}")?;
                    } else {
                        table.row(cells(&producer));
                    }
                }
                out.flush()?;
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
        if !args.json && !table.is_empty() {
            table.write(out)?;
            out.flush()?;
        }
        if count == 0 {
            Output::note(&format!("no producer is {}", wanted.join(" or ")));
        } else {
            let producers = counted(count, "producer", "producers");
            let numbers = counted(numbers, "missing number", "missing numbers");
            Output::note(&format!("{producers}, {numbers}"));
        }
        Ok(if args.check && count > 0 { Outcome::Found } else { Outcome::Done })
    })
    .await
}

fn cells(producer: &Gap) -> [String; 9] {
    [
        producer.producer.clone(),
        producer.source.clone(),
        producer.verdict.clone(),
        producer.made.to_string(),
        producer.received.to_string(),
        producer.missing.to_string(),
        producer.declared().to_string(),
        local_time(producer.last_heard, "%Y-%m-%d %H:%M"),
        producer.cause(),
    ]
}

/// A page lists the first ranges of each producer. This adds the others.
async fn read_all_ranges(api: &Api, producer: &mut Gap) -> Result<(), ClientError> {
    while let Some(after) = producer.next_number.take() {
        let params = [
            ("producer", producer.producer.clone()),
            ("source", producer.source.clone()),
            ("after", after.to_string()),
        ];
        let params = params.map(|(name, value)| (name.to_owned(), value));
        let page: Page = api.get("/api/producers", &params).await?;
        let Some(more) = page.producers.into_iter().next() else { break };
        producer.holes.extend(more.holes);
        for declared in more.declared {
            match producer.declared.iter_mut().find(|it| it.reason == declared.reason) {
                Some(known) => known.ranges.extend(declared.ranges),
                None => producer.declared.push(declared),
            }
        }
        producer.next_number = more.next_number.filter(|next| *next > after);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_as_people_do_and_cut_when_there_are_many() {
        assert_eq!(ranges(&[(1, 1), (3, 9)], false), "1, 3–9");
        let many: Vec<(u64, u64)> = (0..10).map(|n| (2 * n, 2 * n)).collect();
        assert_eq!(ranges(&many, false), "0, 2, 4, 6 and 6 other ranges");
        assert_eq!(ranges(&many, true), "0, 2, 4, 6 and 6 or more other ranges");
    }
}
