//! `cargo xtask demo`: from a fresh clone to a page that shows it working.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{build, wasm};

/// Builds everything and runs `lamplight demo` until it is stopped.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<()> {
    build::run(root)?;
    println!();
    let status = Command::new(wasm::target(root).join("release/lamplight"))
        .current_dir(root)
        .arg("demo")
        .args(args)
        .status()
        .context("failed to start the server")?;
    // Stopped with Ctrl-C, the server ends in good order with 0.
    if !status.success() {
        bail!("the server ended with {status}");
    }
    Ok(())
}
