//! `lamplight export`: events as a file.
//!
//! Pages are read from the newest event to the oldest, each after the last event of the one before.
//! So every event that was there at the beginning is exported exactly once, and new ones that
//! arrive meanwhile are not. Nothing is kept in memory but one page.

mod file;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::value::RawValue;

use self::file::PartialFile;
use super::event_filter::{EventFilterArgs, SpanArgs};
use super::outcome::{CommandError, Outcome, at_place, interrupt};
use crate::client::event::{Event, EventPage};
use crate::client::{Api, Need, Params, PlaceArgs};
use crate::counted::counted;
use crate::export::{CSV_HEAD, Format, write_record};
use crate::terminal::{Output, Progress, Unit, local_time};

/// Events in one page: the most that the API gives.
const PAGE_EVENTS: &str = "500";
/// How long a server may be away, in a restart for example, before the export gives up.
const AWAY_MAX: Duration = Duration::from_mins(1);
/// How long to wait before the first new attempt. It doubles up to the next.
const WAIT_MIN: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  Write all events of January to a file, one JSON object on each line:
    lamplight export --from 2026-01-01 --to 2026-02-01 -o january.ndjson
  Write orders for a spreadsheet:
    lamplight export --name order_paid --format csv -o orders.csv
  Continue an export that was interrupted, with the same filters:
    lamplight export --name order_paid --format csv -o orders.csv --resume
  Compress while exporting:
    lamplight export --type critical | gzip > critical.ndjson.gz

The newest events come first. The file appears under its name once it is complete; until then it is
beside it, with `.part` at the end of its name.";

/// What to export.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// File to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Form of the events
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Ndjson)]
    pub format: Format,
    /// Leave texts in CSV as they are, also those that a spreadsheet would run as a formula
    #[arg(long)]
    pub exact: bool,
    /// Continue an interrupted export to the same file, with the same filters
    #[arg(long, requires = "output")]
    pub resume: bool,
    /// Export what follows this cursor, which an interrupted export to standard output has printed
    #[arg(long, value_name = "CURSOR", conflicts_with = "output")]
    pub after: Option<String>,
    /// Which events.
    #[command(flatten)]
    pub filter: EventFilterArgs,
    /// When.
    #[command(flatten)]
    pub span: SpanArgs,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Exports events.
///
/// # Errors
/// [`CommandError`]. What was written until then can be continued.
pub async fn export(args: &ExportArgs, out: &mut Output) -> Result<Outcome, CommandError> {
    at_place(&args.place, None, Need::Read, async |api: &Api| match &args.output {
        None => {
            let mut export = Export::new(args, args.after.clone());
            let is_begun = args.after.is_some();
            let done = export.run_until_interrupted(api, out, is_begun).await;
            out.flush()?;
            if let (Err(error), Some(cursor)) = (&done, &export.cursor)
                && !crate::terminal::is_closed_pipe(error)
            {
                Output::note(&format!(
                    "{} exported. Export the rest with the same filters and --after {cursor}",
                    counted(export.count, "event was", "events were")
                ));
            }
            done
        }
        Some(path) => {
            let mut file = PartialFile::open(path, args.format, args.resume)?;
            let cursor = file.cursor(args.filter.producer.is_some());
            let mut export = Export::new(args, cursor);
            export.count = file.records();
            let is_begun = file.is_begun();
            let done = export.run_until_interrupted(api, &mut file, is_begun).await;
            match done {
                Ok(outcome) => {
                    file.finish()?;
                    let events = counted(export.count, "event is", "events are");
                    Output::note(&format!("{events} in {}", path.display()));
                    Ok(outcome)
                }
                Err(error) => {
                    file.flush()?;
                    Output::note(&format!(
                        "{} in {}. Continue with the same command and --resume",
                        counted(export.count, "event is", "events are"),
                        file.part_path().display()
                    ));
                    Err(error)
                }
            }
        }
    })
    .await
}

struct Export {
    params: Params,
    format: Format,
    is_exact: bool,
    /// Where the next page begins.
    cursor: Option<String>,
    count: u64,
}

impl Export {
    fn new(args: &ExportArgs, cursor: Option<String>) -> Self {
        let mut params = args.filter.params();
        params.extend(args.span.params());
        params.push(("limit".into(), PAGE_EVENTS.into()));
        Self { params, format: args.format, is_exact: args.exact, cursor, count: 0 }
    }

    async fn run_until_interrupted(
        &mut self,
        api: &Api,
        out: &mut impl Write,
        is_begun: bool,
    ) -> Result<Outcome, CommandError> {
        tokio::select! {
            done = self.run(api, out, is_begun) => done,
            () = interrupt() => Err(CommandError::Failed("export: it was interrupted".into())),
        }
    }

    async fn run(
        &mut self,
        api: &Api,
        out: &mut impl Write,
        is_begun: bool,
    ) -> Result<Outcome, CommandError> {
        if self.format == Format::Csv && !is_begun {
            out.write_all(CSV_HEAD.as_bytes())?;
        }
        let mut progress = Progress::of(Unit::Things("events"));
        progress.begin("export", None);
        let mut record = String::new();
        loop {
            let page = self.page(api, &progress).await?;
            let mut received = None;
            for json in &page.events {
                record.clear();
                received = Some(self.write(&mut record, json)?);
                out.write_all(record.as_bytes())?;
            }
            // A page is written as a whole before it counts.
            out.flush()?;
            self.count += page.events.len() as u64;
            let at = received.map(|ms| local_time(ms, "received %Y-%m-%d %H:%M"));
            progress.at(self.count, &at.unwrap_or_default());
            match page.next {
                Some(next) => self.cursor = Some(next),
                None => return Ok(Outcome::Done),
            }
        }
    }

    /// Adds an event, and gives when it was received.
    fn write(&self, record: &mut String, json: &RawValue) -> Result<i64, CommandError> {
        write_record(record, json, self.format, self.is_exact).map_err(|error| {
            CommandError::Failed(format!(
                "read an event of the server: {error}. The server is probably of another version"
            ))
        })
    }

    /// The next page. A server that restarts is waited for.
    async fn page(&self, api: &Api, progress: &Progress) -> Result<EventPage, CommandError> {
        let mut params = self.params.clone();
        params.extend(self.cursor.clone().map(|cursor| ("cursor".to_owned(), cursor)));
        let (begun, mut wait) = (tokio::time::Instant::now(), WAIT_MIN);
        loop {
            match api.get("/api/events", &params).await {
                Ok(page) => return Ok(page),
                // Without a first page, the address is probably wrong.
                Err(error)
                    if error.is_temporary() && self.count > 0 && begun.elapsed() < AWAY_MAX =>
                {
                    if wait == WAIT_MIN {
                        progress.note(&format!("failed to {error}; retrying for up to 1 minute"));
                    }
                    let asked = error.retry_after_s().map(Duration::from_secs);
                    tokio::time::sleep(wait.max(asked.unwrap_or_default().min(WAIT_MAX))).await;
                    wait = (2 * wait).min(WAIT_MAX);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
