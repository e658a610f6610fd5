//! `cargo xtask docs`: the documentation as a web site.

use anyhow::Result;

use crate::node;
use crate::workspace::Workspace;

/// Builds the site from the pages of the repository. With `open`, serves it until it is stopped.
pub(crate) fn run(workspace: &Workspace, open: bool) -> Result<()> {
    node::ensure(workspace)?;
    let mut node = workspace.node("site");
    node.arg("build.mjs").arg("--out").arg(workspace.target().join("docs"));
    if open {
        node.args(["--serve", "0"]);
    }
    workspace.run("the documentation's site", &mut node)
}
