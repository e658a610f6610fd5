//! `cargo xtask size`: what a page downloads.

use anyhow::Result;

use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{build, wasm};

/// Builds the package, and prints its sizes and what takes the bytes.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let toolchain = build::package(workspace)?;
    weigh(workspace, &toolchain)
}

/// Prints the sizes of the package that is built. Fails when an entry is over its limit.
pub(crate) fn weigh(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    wasm::add_names(workspace, toolchain)?;
    let mut node = workspace.node("bench/client");
    node.arg("size.mjs").arg("--modules").arg(wasm::modules(workspace));
    workspace.run("sizes", &mut node)
}
