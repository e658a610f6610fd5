//! `cargo xtask size`: what a page downloads.

use std::path::Path;

use anyhow::Result;

use crate::{build, node, step};

/// Builds the package and prints the size table.
pub(crate) fn run(root: &Path) -> Result<()> {
    build::package(root)?;
    step::run("sizes", node::node(&root.join("bench/client")).arg("size.mjs"))
}
