//! `cargo xtask torture`: the long forms of the proofs, and a table of what was counted.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;

use crate::browsers::Engine;
use crate::{build, step, test};

/// How long each part goes on.
#[derive(Debug, Args)]
pub(crate) struct Extent {
    /// How many seeds each world of the SDK's simulation is run with
    #[arg(long, default_value_t = 3_000)]
    seeds: u32,
    /// How often the server is killed under load
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// How many random histories with crashes and power cuts processing and delivering go through, each
    #[arg(long, default_value_t = 1_000)]
    crashes: u32,
    /// Open tabs only in this engine; may be given several times. Default: all that this system has
    #[arg(long, value_enum)]
    engine: Vec<Engine>,
}

/// Runs all parts, whatever fails, and says at the end which did.
pub(crate) fn run(root: &Path, extent: &Extent) -> Result<()> {
    let engines = if extent.engine.is_empty() { Engine::all() } else { &extent.engine };
    test::environment(engines)?;
    build::run(root)?;
    let parts = [
        ("simulation", simulation(root, extent.seeds)),
        ("server", server(root, extent.kills)),
        ("crashes", crashes(root, extent.crashes)),
        ("end to end", test::end_to_end(root, engines, test::Form::Full)),
    ];
    println!();
    for (name, result) in &parts {
        println!("{name:<12} {}", if result.is_ok() { "held" } else { "FAILED" });
    }
    for (_, result) in &parts {
        if let Err(error) = result {
            println!("{error:#}");
        }
    }
    if parts.iter().any(|(_, result)| result.is_err()) {
        bail!("the torture found something");
    }
    Ok(())
}

/// The simulation says after each world how much happened in it.
fn simulation(root: &Path, seeds: u32) -> Result<()> {
    step::run(
        &format!("simulation with {seeds} seeds a world"),
        step::cargo(root)
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

fn server(root: &Path, kills: u32) -> Result<()> {
    step::run(
        &format!("server killed {kills} times under load"),
        step::cargo(root)
            .env("LAMPLIGHT_KILL_ROUNDS", kills.to_string())
            .args(["test", "--release", "--package", "lamplight-server", "--test", "suite"])
            .args(["--", "kill::", "--nocapture"]),
    )
}

fn crashes(root: &Path, histories: u32) -> Result<()> {
    step::run(
        &format!(
            "{histories} histories of processing and of delivering with crashes and power cuts"
        ),
        step::cargo(root)
            .env("LAMPLIGHT_POWER_CUTS", histories.to_string())
            .env("LAMPLIGHT_DELIVER_SEEDS", histories.to_string())
            .args(["test", "--release", "--package", "lamplight-server"])
            .args(["--test", "suite", "--", "process::", "deliver::", "--nocapture"]),
    )
}
