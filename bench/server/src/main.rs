//! Measures the server beside what people would use instead, in alternating turns of one run:
//! durable intake, raw requests into deduplicated rows, processing, growth, the footprint, and
//! delivery of a backlog to a sink.
#![forbid(unsafe_code)]
// A benchmark measures time and prints what it found.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

mod api;
mod contender;
mod dedup_cost;
mod disk;
mod document;
mod end_to_end;
mod extent;
mod flat;
mod footprint;
mod goals;
mod growth;
mod growth_table;
mod intake;
mod load;
mod machine;
mod numbers;
mod on_cluster;
mod on_postgres;
mod peer;
#[cfg(test)]
mod peers_agree;
mod postgres;
mod process;
mod processing;
mod programs;
mod results;
mod sinks;
mod slowed;
mod spent;
mod tables;
mod traffic;
mod usage;

use document::Document;
use extent::{Extent, Part};
use peer::front::{self, Front};
use results::Results;

/// As in the server.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The numbers of connections and the turns of `--store postgres`.
const CONNECTIONS: [usize; 3] = [16, 64, 256];
const ROUNDS: usize = 3;
/// Every turn of the last run, and of those before it that it adds to.
const TURNS: &str = "bench/results/server.json";
/// Tables, plots and goals, from which the documentation is generated.
const DOCUMENT: &str = "bench/results/server-peers.json";

#[derive(Parser)]
#[command(about = "What an event costs the server, beside what people would use instead")]
struct Args {
    #[command(flatten)]
    extent: Extent,
    /// Add to the turns of the runs before, instead of starting over
    #[arg(long)]
    keep: bool,
    /// Keep filled stores in this folder, and use those that are there
    #[arg(long, value_name = "FOLDER")]
    filled: Option<PathBuf>,
    /// Where the server stores events
    #[arg(long, value_enum, default_value = "sqlite")]
    store: Store,
    /// Serve as a peer
    #[arg(long, hide = true)]
    front: Option<Front>,
    /// The NATS server behind that peer
    #[arg(long, hide = true)]
    nats: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Store {
    Sqlite,
    /// Measures durable intake beside Node on the same cluster, processing beside COPY, reading,
    /// and the bytes of an event
    Postgres,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(front) = args.front {
        return front::serve(front, args.nats.as_deref()).await;
    }
    let data = tempfile::Builder::new().prefix("lamplight-bench-").tempdir_in(".")?;
    // PostgreSQL's user must be able to enter the folder.
    std::process::Command::new("chmod").arg("711").arg(data.path()).status()?;
    let extent = &args.extent;
    if args.store == Store::Postgres {
        let rows = extent.rows().first().copied().unwrap_or_default();
        return on_postgres::run(data.path(), extent.turn_or(4), rows, |it| extent.does(it)).await;
    }
    if extent.only.iter().any(|part| part.is_of_cluster()) {
        anyhow::ensure!(
            extent.only.iter().all(|part| part.is_of_cluster()),
            "the parts about clusters are measured alone: leave out the others of --only"
        );
        return on_cluster::run(data.path(), extent.turn_or(4), |it| extent.does(it)).await;
    }
    if extent.only == [Part::Dedup] {
        return dedup_cost::compare(data.path()).await;
    }
    let mut results = if args.keep { Results::load(Path::new(TURNS))? } else { Results::default() };
    results.machine = machine::Machine::this();
    results.at = machine::today();
    let measured = measure(extent, data.path(), args.filled.as_deref(), &mut results).await;
    // What was measured before a failure is kept, too.
    results.save(Path::new(TURNS))?;
    measured?;
    let document = Document::of(&results);
    document.print();
    results::save(&document, Path::new(DOCUMENT))
}

/// Measures the parts that were asked for.
async fn measure(
    extent: &Extent,
    folder: &Path,
    filled: Option<&Path>,
    results: &mut Results,
) -> Result<()> {
    let parts =
        [Part::Intake, Part::EndToEnd, Part::Process, Part::Growth, Part::Footprint, Part::Sinks];
    for part in parts.into_iter().filter(|part| extent.does(*part)) {
        println!("{}", part.heading());
        let folder = tempfile::Builder::new().tempdir_in(folder)?;
        std::process::Command::new("chmod").arg("711").arg(folder.path()).status()?;
        let folder = folder.path();
        match part {
            Part::Intake => intake::measure(&extent.intake(), folder, results).await?,
            Part::EndToEnd => end_to_end::measure(&extent.end_to_end(), folder, results).await?,
            Part::Process => processing::measure(extent.rounds(), folder, results).await?,
            Part::Growth => {
                for rows in extent.rows() {
                    growth::measure(rows, extent.rounds(), folder, filled, results).await?;
                }
            }
            Part::Footprint => results.footprint.push(footprint::measure(folder).await?),
            Part::Sinks => results.sinks.push(sinks::run(folder).await?),
            _ => {}
        }
    }
    Ok(())
}

/// How a duration is given on the command line: in seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is expected".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
