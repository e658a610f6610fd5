//! `cargo xtask demo`: from a fresh clone to a page that shows it working.

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{address, build};

const REMEDY: &str = "Stop it (Ctrl-C in its terminal), or give the demo another address: cargo \
                      xtask demo --listen 127.0.0.1:9000";

/// Builds everything and runs `lamplight demo` until it is stopped.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let listen = address::given(args, &workspace.path("."));
    address::require_free(&listen, REMEDY)?;
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
