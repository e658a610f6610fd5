//! `cargo xtask cluster`: the cluster of `server/packaging/cluster` on this machine, without
//! containers.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{build, nats, node, postgres, service_tools};

/// Builds the server, and runs the cluster until it is stopped, or until each part was killed.
pub(crate) fn run(workspace: &Workspace, kills: bool, args: &[String]) -> Result<()> {
    node::ensure(workspace)?;
    let programs = environment(workspace)?;
    build::run(workspace)?;
    println!();
    let mut cluster = workspace.node("tests/cluster");
    cluster.arg("main.mjs").arg("--folder").arg(workspace.target().join("cluster"));
    cluster.env("LAMPLIGHT_BIN", workspace.server()).envs(programs);
    let status = cluster
        .args(kills.then_some("--kills"))
        .args(args)
        .status()
        .context("failed to start the cluster")?;
    if !status.success() {
        bail!("the cluster ended with {status}");
    }
    Ok(())
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
