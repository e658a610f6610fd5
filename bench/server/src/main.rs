//! Measures durable intake beside Node with PostgreSQL, a bare axum hello and the disk's sync time,
//! processing beside a bare loop of inserts, the server's footprint, and delivery of a backlog to a
//! sink. The peers take turns in one run.
#![forbid(unsafe_code)]
// A benchmark measures time and prints what it found.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

mod api;
mod dedup_cost;
mod disk;
mod footprint;
mod load;
mod on_cluster;
mod on_postgres;
mod peer;
mod postgres;
mod process;
mod report;
mod sinks;
mod slowed;
mod spent;

use load::Load;
use peer::Peer;
use postgres::Postgres;
use process::{Bench, Numbering, WORKERS, bare_inserts};
use report::{Process, Report, Row};

const CONNECTIONS: [usize; 3] = [16, 64, 256];
const ROUNDS: usize = 3;
/// Numbers of workers that are measured beside each other.
const BY_WORKERS: [u32; 2] = [1, 4];

#[derive(Parser)]
#[command(about = "What a durable answer costs the server, beside its peers")]
struct Args {
    /// Fill a store with this many events first, and measure processing and lookups there beside an
    /// empty one
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// How long one turn of one peer takes, in seconds
    #[arg(long, default_value_t = 4)]
    turn_s: u64,
    /// Measure only this
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Where the server stores events
    #[arg(long, value_enum, default_value = "sqlite")]
    store: Store,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Store {
    Sqlite,
    /// Measures durable intake beside Node on the same cluster, processing beside COPY, reading,
    /// and the bytes of an event
    Postgres,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Intake,
    Process,
    /// The cost of deduplication in the writer thread's CPU time and in bytes written. Runs only if
    /// asked for
    Dedup,
    Footprint,
    /// Delivery of a backlog to a sink. Runs only if asked for
    Sinks,
    /// Three nodes of NATS, and two databases. Runs only if asked for, as do its parts
    Cluster,
    /// Durable intake on three nodes of NATS, on one `PostgreSQL`, and embedded
    ClusterIntake,
    /// Events from the request to the row, with one database and with two
    ClusterShards,
    /// What the lock costs that keeps writers from buckets that move
    ClusterGate,
}

impl Part {
    /// The parts that are about clusters, if this is one of them.
    fn of_cluster(self) -> Option<&'static [Self]> {
        match self {
            Self::Cluster => Some(&[Self::ClusterIntake, Self::ClusterShards, Self::ClusterGate]),
            Self::ClusterIntake => Some(&[Self::ClusterIntake]),
            Self::ClusterShards => Some(&[Self::ClusterShards]),
            Self::ClusterGate => Some(&[Self::ClusterGate]),
            _ => None,
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let does = |part| args.only.is_none_or(|only| only == part);
    let data = tempfile::Builder::new().prefix("lamplight-bench-").tempdir_in(".")?;
    // PostgreSQL's user must be able to enter the folder.
    std::process::Command::new("chmod").arg("711").arg(data.path()).status()?;
    if args.only == Some(Part::Sinks) {
        return sinks::run(data.path()).await;
    }
    if args.only == Some(Part::Dedup) {
        return dedup_cost::compare(data.path()).await;
    }
    if let Some(parts) = args.only.and_then(Part::of_cluster) {
        return on_cluster::run(data.path(), Duration::from_secs(args.turn_s), parts).await;
    }
    if args.store == Store::Postgres {
        let turn = Duration::from_secs(args.turn_s);
        return on_postgres::run(data.path(), turn, args.rows, does).await;
    }
    let mut report = Report::default();
    if does(Part::Intake) {
        intake(&mut report, data.path(), Duration::from_secs(args.turn_s)).await?;
    }
    if does(Part::Process) {
        report.process = Some(process(&mut report, data.path(), args.rows).await?);
    }
    if does(Part::Footprint) {
        report.footprint = Some(footprint::measure(data.path()).await?);
    }
    report.print();
    report.save(Path::new("bench/results/server.json"))
}

async fn intake(report: &mut Report, folder: &Path, turn: Duration) -> Result<()> {
    // Declared before its peer, so that it ends after it.
    let cluster = Postgres::start(&folder.join("postgres"));
    let mut peers = vec![Peer::hello().await?, Peer::lamplight(folder, None).await?];
    let node = match &cluster {
        Ok(cluster) => Peer::node_pg(cluster).await,
        Err(error) => Err(anyhow::anyhow!("{error:#}")),
    };
    match node {
        Ok(peer) => peers.push(peer),
        Err(error) => println!("not beside Node with PostgreSQL: {error:#}"),
    }
    for connections in CONNECTIONS {
        for _ in 0..ROUNDS {
            report.add_sync(disk::sync_time(folder)?);
            for peer in &peers {
                let outcome = Load { connections, turn }.run(peer).await?;
                report.add(Row { peer: peer.name, connections, outcome });
                peer.finish().await?;
            }
        }
    }
    Ok(())
}

async fn process(report: &mut Report, folder: &Path, rows: u64) -> Result<Process> {
    let mut empty = Bench::open(&folder.join("empty"))?;
    let mut rates = Rates::default();
    println!("filling a store with {rows} events");
    let mut full = Bench::open(&folder.join("full"))?;
    let filled_per_s = full.fill(rows).await?;
    for round in 0..ROUNDS {
        report.add_sync(disk::sync_time(folder)?);
        rates.bare.push(bare_inserts(&folder.join(format!("bare-{round}")))?);
        rates.numbered.push(empty.process(Numbering::Numbered, WORKERS).await?);
        rates.anonymous.push(empty.process(Numbering::Anonymous, WORKERS).await?);
        rates.pages.push(empty.process(Numbering::Pages, WORKERS).await?);
        rates.among.push(full.process(Numbering::Numbered, WORKERS).await?);
        for (rates, workers) in rates.by_workers.iter_mut().zip(BY_WORKERS) {
            rates.push(empty.process(Numbering::Pages, workers).await?);
        }
    }
    let (lookup_p50, lookup_p99) = full.look_up(rows).await?;
    empty.close().await?;
    full.close().await?;
    Ok(Process {
        rows,
        fill: filled_per_s,
        bare: median(rates.bare),
        numbered: median(rates.numbered),
        anonymous: median(rates.anonymous),
        pages: median(rates.pages),
        among: median(rates.among),
        by_workers: rates.by_workers.map(median).into_iter().zip(BY_WORKERS).collect(),
        lookup_p50,
        lookup_p99,
    })
}

/// The rates of all rounds.
#[derive(Default)]
struct Rates {
    bare: Vec<f64>,
    numbered: Vec<f64>,
    anonymous: Vec<f64>,
    pages: Vec<f64>,
    among: Vec<f64>,
    by_workers: [Vec<f64>; BY_WORKERS.len()],
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
