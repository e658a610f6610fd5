//! `cargo xtask demo`: from a fresh clone to a page that shows it working.

use anyhow::{Context, Result, bail};

use crate::build;
use crate::workspace::Workspace;

/// Builds everything and runs `lamplight demo` until it is stopped.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    build::run(workspace)?;
    println!();
    let status = workspace
        .program(workspace.server())
        .arg("demo")
        .args(args)
        .status()
        .context("failed to start the server")?;
    // The server shuts down and exits with 0 when it is stopped with Ctrl-C.
    if !status.success() {
        bail!("the server ended with {status}");
    }
    Ok(())
}
