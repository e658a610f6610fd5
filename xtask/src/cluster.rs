//! `cargo xtask cluster`: the cluster of `server/packaging/cluster` on this machine, without
//! containers.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, nats, node, postgres, service_tools};

/// What happens to the cluster under load. Nothing, unless something is named.
#[derive(Debug, Default, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the command")]
pub(crate) struct Faults {
    /// Kill each part under load, and print what that cost
    #[arg(long)]
    kills: bool,
    /// Cut the network between any two parts under load: connections are reset, or nothing arrives
    /// in both directions or in one
    #[arg(long)]
    cuts: bool,
    /// Let the clock of a server step by an hour under load, on Linux
    #[arg(long)]
    clocks: bool,
    /// Move buckets between shards under load, and kill what takes part
    #[arg(long)]
    moves: bool,
}

/// Builds the server, and runs the cluster until it is stopped, or until every fault happened.
pub(crate) fn run(workspace: &Workspace, faults: &Faults, args: &[String]) -> Result<()> {
    let programs = prepare(workspace)?;
    println!();
    let mut cluster = start(workspace, faults, programs)?;
    let status = cluster.args(args).status().context("failed to start the cluster")?;
    if !status.success() {
        bail!("the cluster ended with {status}");
    }
    Ok(())
}

/// Lets every fault happen: kills without anything between the parts, and then everything else over
/// a network that can be cut.
pub(crate) fn survive(workspace: &Workspace) -> Result<()> {
    let kills = Faults { kills: true, ..Faults::default() };
    let others = Faults { cuts: true, clocks: true, moves: true, ..Faults::default() };
    let programs = prepare(workspace)?;
    for (what, faults) in
        [("kills", kills), ("cuts of the network, steps of clocks and moves of buckets", others)]
    {
        let mut cluster = start(workspace, &faults, programs.clone())?;
        workspace.run(&format!("a cluster under load: {what}"), &mut cluster)?;
    }
    Ok(())
}

fn prepare(workspace: &Workspace) -> Result<[(&'static str, PathBuf); 3]> {
    node::ensure(workspace)?;
    let programs = environment(workspace)?;
    build::run(workspace)?;
    Ok(programs)
}

fn start(
    workspace: &Workspace,
    faults: &Faults,
    programs: [(&'static str, PathBuf); 3],
) -> Result<Command> {
    let Faults { kills, cuts, clocks, moves } = faults;
    let mut cluster = workspace.node("tests/cluster");
    cluster.arg("main.mjs").arg("--folder").arg(workspace.target().join("cluster"));
    cluster.env("LAMPLIGHT_BIN", workspace.server()).envs(programs);
    for (asked, option) in [(kills, "--kills"), (cuts, "--cuts"), (moves, "--moves")] {
        cluster.args(asked.then_some(option));
    }
    if *clocks {
        match clock(workspace)? {
            Some(library) => {
                cluster.arg("--clocks").envs([library]);
            }
            None => println!("left out: clocks step on Linux only"),
        }
    }
    Ok(cluster)
}

/// Finds or installs what the cluster runs, and returns the environment variables that say where
/// it is.
pub(crate) fn environment(workspace: &Workspace) -> Result<[(&'static str, PathBuf); 3]> {
    if cfg!(windows) {
        bail!("the cluster runs on Linux and macOS: on Windows, use the Linux subsystem");
    }
    let postgres = postgres::newest(workspace)?;
    Ok([
        (postgres::FOLDER, postgres::clients(workspace, &postgres)?),
        (nats::FOLDER, nats::folder(workspace)?),
        ("TEST_HAPROXY", service_tools::haproxy(workspace)?),
    ])
}

/// The environment variable that says where libfaketime is, on Linux.
pub(crate) fn clock(workspace: &Workspace) -> Result<Option<(&'static str, PathBuf)>> {
    Ok(service_tools::faketime(workspace)?.map(|library| ("TEST_FAKETIME", library)))
}
