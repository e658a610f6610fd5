//! Node, and the npm packages of the lock file.

use anyhow::{Result, bail};

use crate::stamp::CachedStep;
use crate::workspace::{Workspace, output_of};

const MAJOR_MIN: u32 = 20;

/// Checks Node's version, installs the packages of `package-lock.json` unless they are there, and
/// returns the version.
pub(crate) fn ensure(workspace: &Workspace) -> Result<String> {
    let version = version(workspace)?;
    CachedStep::new(workspace, "install the npm packages")
        .reads(["package.json", "package-lock.json"].map(|path| workspace.path(path)))
        .depends_on("node", &version)
        // npm's own record of what is installed, which it writes last.
        .writes(workspace.path("node_modules/.package-lock.json"))
        .run(|| {
            workspace.run(
                "install the npm packages",
                workspace.npm().args(["ci", "--no-audit", "--no-fund"]),
            )
        })?;
    Ok(version)
}

/// Node's version, if it is new enough.
pub(crate) fn version(workspace: &Workspace) -> Result<String> {
    let Some(version) = output_of(workspace.program("node").arg("--version")) else {
        bail!("Node is missing. Install Node {MAJOR_MIN} or newer, with npm, and run this again.");
    };
    let major =
        version.trim_start_matches('v').split('.').next().and_then(|n| n.parse::<u32>().ok());
    if major.is_none_or(|major| major < MAJOR_MIN) {
        bail!("Node {version} is too old. Install Node {MAJOR_MIN} or newer and run this again.");
    }
    Ok(version)
}
