//! `cargo xtask size`: what a page downloads.

use std::path::Path;

use anyhow::Result;

use crate::{build, node, step};

/// Builds the package and prints the size table, and what takes the bytes.
pub(crate) fn run(root: &Path) -> Result<()> {
    let modules = build::package(root)?;
    weigh(root, &modules)
}

/// The same for a package that is built, from the modules in this folder. Fails when an entry is over its limit.
pub(crate) fn weigh(root: &Path, modules: &Path) -> Result<()> {
    let mut sizes = node::node(&root.join("bench/client"));
    step::run("sizes", sizes.arg("size.mjs").arg("--modules").arg(modules))
}
