//! Checks the licences, bans and sources of our dependencies, by `deny.toml`.

use anyhow::Result;

use crate::cargo_tool::CargoTool;
use crate::workspace::Workspace;

/// Not optimised: building it takes 85 s of processor time, and a check then 2 s.
const CARGO_DENY: CargoTool =
    CargoTool { name: "cargo-deny", version: "0.20.2", is_optimised: false };

/// Runs cargo-deny. Advisories need a database from the network, so only the hosted workflow checks
/// them.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let program = CARGO_DENY.find_or_build(workspace)?;
    workspace.run(
        "licences, bans and sources of dependencies",
        workspace
            .program(program)
            // Warnings list crates that are there in two versions, which our dependencies decide.
            .args(["--log-level", "error", "--workspace", "--all-features"])
            .args(["check", "licenses", "bans", "sources"]),
    )
}
