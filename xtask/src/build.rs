//! `cargo xtask build`: the npm package, the demo page and the server.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{node, step, wasm};

/// Leaves the npm package in `npm/`, the demo page in `www/dist` and the server at `target/release/lamplight`.
pub(crate) fn run(root: &Path) -> Result<()> {
    package(root)?;
    page(root)?;
    server(root)?;
    println!("\nnpm package: npm/ (npm pack there gives what would be published)");
    println!("server:      {}", wasm::target(root).join("release/lamplight").display());
    Ok(())
}

/// The npm package; returns the folder of the modules in it.
pub(crate) fn package(root: &Path) -> Result<PathBuf> {
    let modules = wasm::build(root)?;
    step::run(
        "build the npm package",
        node::node(&root.join("npm")).arg("build.mjs").arg("--wasm").arg(&modules),
    )?;
    Ok(modules)
}

/// The demo page, which the server embeds.
pub(crate) fn page(root: &Path) -> Result<()> {
    step::run("build the demo page", node::node(&root.join("www")).arg("build.mjs"))
}

/// The server.
pub(crate) fn server(root: &Path) -> Result<()> {
    step::run(
        "build the server",
        step::cargo(root).args(["build", "--release", "--package", "lamplight-server"]),
    )
}
