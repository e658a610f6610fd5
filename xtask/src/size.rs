//! `cargo xtask size`: what a page downloads.

use std::path::Path;

use anyhow::Result;

use crate::{build, node, step};

/// Builds the package and prints the size table, and what takes the bytes.
pub(crate) fn run(root: &Path) -> Result<()> {
    let modules = build::package(root)?;
    let mut sizes = node::node(&root.join("bench/client"));
    step::run("sizes", sizes.arg("size.mjs").arg("--modules").arg(modules))
}
