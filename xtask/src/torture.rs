//! `cargo xtask torture`: the long forms of the proofs, and a table of what they counted.

use anyhow::Result;
use clap::Args;

use crate::browsers::Engine;
use crate::report::Report;
use crate::workspace::Workspace;
use crate::{build, test};

/// How long each part goes on.
#[derive(Debug, Args)]
pub(crate) struct Extent {
    /// How many seeds each world of the SDK's simulation runs with
    #[arg(long, default_value_t = 3_000)]
    seeds: u32,
    /// How often the server is killed under load
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// How many random histories with crashes and power cuts run, for processing and delivery each
    #[arg(long, default_value_t = 1_000)]
    crashes: u32,
    /// How many events the large store has, with about 300 bytes of disk each
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// Open tabs only in this engine (repeatable). Default: every engine of this system
    #[arg(long, value_enum)]
    engine: Vec<Engine>,
}

/// Runs all parts, whichever fail, and says at the end which did.
pub(crate) fn run(workspace: &Workspace, extent: &Extent) -> Result<()> {
    let engines = if extent.engine.is_empty() { Engine::all() } else { &extent.engine };
    test::browsers(workspace, engines)?;
    build::run(workspace)?;
    let mut report = Report::default();
    report.run("simulation", || simulation(workspace, extent.seeds));
    report.run("kills", || kills(workspace, extent.kills));
    report.run("crashes", || crashes(workspace, extent.crashes));
    report.run("a large store", || large_store(workspace, extent.events));
    report.run("end-to-end", || test::end_to_end(workspace, engines, test::Form::Full));
    report.run("api", || test::api(workspace, test::Form::Full));
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

fn kills(workspace: &Workspace, kills: u32) -> Result<()> {
    workspace.run(
        &format!("server killed {kills} times under load"),
        workspace
            .cargo()
            .env("LAMPLIGHT_KILL_ROUNDS", kills.to_string())
            .args(["test", "--release", "--package", "lamplight-server", "--test", "suite"])
            .args(["--", "kill::", "--nocapture"]),
    )
}

/// Prints how long it takes to count the events once, and to read the counts.
fn large_store(workspace: &Workspace, events: u64) -> Result<()> {
    workspace.run(
        &format!("a store with {events} events"),
        workspace
            .cargo()
            .env("LAMPLIGHT_LARGE_EVENTS", events.to_string())
            .args(["test", "--release", "--package", "lamplight-server", "--test", "suite"])
            .args(["--", "large::", "--nocapture"]),
    )
}

fn crashes(workspace: &Workspace, histories: u32) -> Result<()> {
    workspace.run(
        &format!(
            "{histories} histories with crashes and power cuts, for processing and delivery each"
        ),
        workspace
            .cargo()
            .env("LAMPLIGHT_POWER_CUTS", histories.to_string())
            .env("LAMPLIGHT_DELIVER_SEEDS", histories.to_string())
            .args(["test", "--release", "--package", "lamplight-server"])
            .args(["--test", "suite", "--", "process::", "deliver::", "--nocapture"]),
    )
}
