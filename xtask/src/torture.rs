//! `cargo xtask torture`: the long forms of the proofs, and a table of what they counted.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::browsers::Engine;
use crate::programs::is_root;
use crate::report::Report;
use crate::workspace::Workspace;
use crate::{build, cluster, nats, postgres, service_tools, test};

/// A part of the long forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Worlds of the SDK's simulation
    Simulation,
    /// The server, killed under load
    Kills,
    /// Kills, outages, failovers, locks and networks of PostgreSQL
    PostgresFaults,
    /// Everything that uses PostgreSQL, with its oldest version
    OldestPostgres,
    /// A pgbouncer between servers and their database
    Pgbouncer,
    /// A disk of PostgreSQL that is full
    FullDisk,
    /// Kills, freezes, outages and networks of the intake stream
    StreamFaults,
    /// A whole cluster: kills, cuts of the network, steps of clocks and moves of buckets
    Cluster,
    /// Histories with crashes and power cuts
    Crashes,
    /// Histories on PostgreSQL whose connections are cut
    PostgresCuts,
    /// A store with many events
    LargeStore,
    /// Tabs of browsers
    EndToEnd,
    /// The HTTP API, compared with its document
    Api,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Simulation => "simulation",
            Self::Kills => "kills",
            Self::PostgresFaults => "faults of PostgreSQL",
            Self::OldestPostgres => "the oldest PostgreSQL",
            Self::Pgbouncer => "a real pgbouncer",
            Self::FullDisk => "a full disk",
            Self::StreamFaults => "faults of the intake stream",
            Self::Cluster => "a cluster",
            Self::Crashes => "crashes",
            Self::PostgresCuts => "cuts of PostgreSQL",
            Self::LargeStore => "a large store",
            Self::EndToEnd => "end-to-end",
            Self::Api => "api",
        }
    }

    fn run(self, workspace: &Workspace, extent: &Extent, engines: &[Engine]) -> Result<()> {
        match self {
            Self::Simulation => simulation(workspace, extent.seeds),
            Self::Kills => kills(workspace, extent.kills),
            Self::PostgresFaults => postgres_faults(workspace, extent.postgres_faults),
            Self::OldestPostgres => test::oldest_postgres(workspace, test::Form::Full),
            Self::Pgbouncer => pgbouncer(workspace, extent.postgres_faults),
            Self::FullDisk => full_disk(workspace, extent.postgres_faults),
            Self::StreamFaults => stream_faults(workspace, extent.stream_faults),
            Self::Cluster => cluster::survive(workspace),
            Self::Crashes => crashes(workspace, extent.crashes),
            Self::PostgresCuts => postgres_cuts(workspace, extent.postgres_cuts),
            Self::LargeStore => large_store(workspace, extent.events),
            Self::EndToEnd => test::end_to_end(workspace, engines, test::Form::Full),
            Self::Api => test::api(workspace, test::Form::Full),
        }
    }
}

/// How many tests of faults run at a time: they mostly wait until something notices a fault.
const FAULT_THREADS: &str = "--test-threads=6";

/// How long each part goes on.
#[derive(Debug, Args)]
pub(crate) struct Extent {
    /// Run only this part (repeatable)
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// How many seeds each world of the SDK's simulation runs with
    #[arg(long, default_value_t = 3_000)]
    seeds: u32,
    /// How often the server is killed under load
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// How often each fault of PostgreSQL happens
    #[arg(long, default_value_t = 40)]
    postgres_faults: u32,
    /// How often each fault of the intake stream happens
    #[arg(long, default_value_t = 40)]
    stream_faults: u32,
    /// How many random histories with crashes and power cuts run, for processing and delivery each
    #[arg(long, default_value_t = 1_000)]
    crashes: u32,
    /// How many random histories run on PostgreSQL whose connections are cut, for each simulation
    #[arg(long, default_value_t = 100)]
    postgres_cuts: u32,
    /// How many events the large store has, with about 400 bytes of disk each
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// Open tabs only in this engine (repeatable). Default: every engine of this system
    #[arg(long, value_enum)]
    engine: Vec<Engine>,
}

/// Runs the named parts or all, whichever fail, and says at the end which did.
pub(crate) fn run(workspace: &Workspace, extent: &Extent) -> Result<()> {
    let engines = if extent.engine.is_empty() { Engine::all() } else { &extent.engine };
    let parts = if extent.only.is_empty() { Part::value_variants() } else { &extent.only };
    if parts.iter().any(|part| matches!(part, Part::EndToEnd | Part::Api)) {
        test::browsers(workspace, engines)?;
        build::run(workspace)?;
    }
    let mut report = Report::default();
    for part in parts {
        report.run(part.name(), || part.run(workspace, extent, engines));
    }
    report.finish("parts")
}

/// The simulation prints after each world how much happened in it.
fn simulation(workspace: &Workspace, seeds: u32) -> Result<()> {
    workspace.run(
        &format!("simulation with {seeds} seeds a world"),
        workspace
            .cargo()
            .env("LAMPLIGHT_SIM_SEEDS", seeds.to_string())
            .args([
                "test",
                "--release",
                "--package",
                "lamplight-sdk",
                "--test",
                "native",
                "simulation::",
            ])
            .args(["--", "--nocapture", "--test-threads=2"]),
    )
}

/// How the server's suite is built.
#[derive(Clone, Copy)]
enum Build {
    /// As `cargo xtask test` does, with debug assertions: for tests that mostly wait.
    Dev,
    /// Optimised: for tests that compute.
    Release,
}

/// The server's suite, with the newest PostgreSQL. Arguments that follow are the suite's own.
fn server_suite(workspace: &Workspace, build: Build) -> Result<Command> {
    let programs = postgres::newest(workspace)?;
    let clients = postgres::clients(workspace, &programs)?;
    let mut cargo = match build {
        Build::Dev => {
            let mut cargo = test::cargo_test(workspace, &programs);
            // As in `cargo xtask test`: for some alone, Cargo compiles dependencies again.
            cargo.arg("--tests");
            cargo
        }
        Build::Release => {
            let mut cargo = workspace.cargo();
            cargo.args(["test", "--release", "--package", "lamplight-server", "--test", "suite"]);
            cargo.env(postgres::FOLDER, programs);
            cargo
        }
    };
    cargo.env(postgres::CLIENTS, clients).arg("--");
    Ok(cargo)
}

fn kills(workspace: &Workspace, kills: u32) -> Result<()> {
    workspace.run(
        &format!("server killed {kills} times under load"),
        server_suite(workspace, Build::Release)?
            .env("LAMPLIGHT_KILL_ROUNDS", kills.to_string())
            .args(["kill::", "--nocapture"]),
    )
}

/// Kills, outages, failovers, locks and networks. Each prints what was answered meanwhile.
fn postgres_faults(workspace: &Workspace, rounds: u32) -> Result<()> {
    workspace.run(
        &format!("each fault of PostgreSQL {rounds} times under load"),
        server_suite(workspace, Build::Dev)?
            .env("TEST_POSTGRES_ROUNDS", rounds.to_string())
            .args(["postgres_faults::", "--nocapture", FAULT_THREADS]),
    )
}

/// Nodes of NATS, servers and databases that are killed, freeze, fill up or are cut off. Each
/// prints for how long payloads were refused.
fn stream_faults(workspace: &Workspace, rounds: u32) -> Result<()> {
    let Some(folder) = nats::environment(workspace)? else {
        println!("left out: the faults of the intake stream run on Linux only");
        return Ok(());
    };
    workspace.run(
        &format!("each fault of the intake stream {rounds} times under load"),
        server_suite(workspace, Build::Dev)?
            .env("TEST_STREAM_ROUNDS", rounds.to_string())
            .envs([folder])
            .args(["stream::", "--nocapture", FAULT_THREADS]),
    )
}

/// The load of the faults through a pgbouncer that restarts and is killed.
fn pgbouncer(workspace: &Workspace, rounds: u32) -> Result<()> {
    let program = service_tools::pgbouncer(workspace)?;
    ignored_faults(workspace, "bouncer", rounds, &[("TEST_PGBOUNCER", program.as_os_str())])
}

/// A disk of PostgreSQL that gets full, and has room again. Only root may mount a small one.
fn full_disk(workspace: &Workspace, rounds: u32) -> Result<()> {
    if !cfg!(target_os = "linux") || !is_root(workspace) {
        println!(
            "left out: a full disk of PostgreSQL needs root on Linux, who may mount a small one"
        );
        return Ok(());
    }
    ignored_faults(workspace, "full_disk", rounds, &[])
}

/// Tests that need more than `cargo test` may expect.
fn ignored_faults(
    workspace: &Workspace,
    module: &str,
    rounds: u32,
    variables: &[(&str, &OsStr)],
) -> Result<()> {
    workspace.run(
        &format!("faults of PostgreSQL: {module}, {rounds} times"),
        server_suite(workspace, Build::Dev)?
            .env("TEST_POSTGRES_ROUNDS", rounds.to_string())
            .envs(variables.iter().copied())
            .args(["--ignored", &format!("postgres_faults::{module}::")])
            .args(["--nocapture", FAULT_THREADS]),
    )
}

/// Prints how long it takes to count the events once, and to read each page of the console.
fn large_store(workspace: &Workspace, events: u64) -> Result<()> {
    workspace.run(
        &format!("a store with {events} events"),
        server_suite(workspace, Build::Release)?
            .env("LAMPLIGHT_LARGE_EVENTS", events.to_string())
            .args(["large::", "--nocapture", "--test-threads=1"]),
    )
}

/// Also cuts the connections of fixed histories at every message, and runs the properties of
/// storage.
fn postgres_cuts(workspace: &Workspace, seeds: u32) -> Result<()> {
    workspace.run(
        &format!("{seeds} histories on PostgreSQL for each simulation, and a cut at each message"),
        server_suite(workspace, Build::Dev)?
            .env("TEST_POSTGRES_SEEDS", seeds.to_string())
            .env("PROPTEST_CASES", seeds.max(256).to_string())
            .args(["process::postgres::", "deliver::postgres::", "on_postgres"])
            .args(["property_laws::", "--nocapture", "--test-threads=2"]),
    )
}

fn crashes(workspace: &Workspace, histories: u32) -> Result<()> {
    workspace.run(
        &format!(
            "{histories} histories with crashes and power cuts, for processing and delivery each"
        ),
        server_suite(workspace, Build::Release)?
            .env("LAMPLIGHT_POWER_CUTS", histories.to_string())
            .env("LAMPLIGHT_DELIVER_SEEDS", histories.to_string())
            .args(["process::", "deliver::", "--nocapture"])
            .args(["--skip", "::postgres::"]),
    )
}
