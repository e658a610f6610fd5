//! Node and the npm packages that the lock file names.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::step;

const MAJOR_MIN: u32 = 20;

/// Checks Node's version and installs the packages of `package-lock.json` if they are missing or older than it.
pub(crate) fn ensure(root: &Path) -> Result<()> {
    let Some(version) = step::output_of(Command::new("node").arg("--version")) else {
        bail!("Node is missing. Install Node {MAJOR_MIN} or newer, with npm, and run this again.");
    };
    let major =
        version.trim_start_matches('v').split('.').next().and_then(|n| n.parse::<u32>().ok());
    if major.is_none_or(|major| major < MAJOR_MIN) {
        bail!("Node {version} is too old. Install Node {MAJOR_MIN} or newer and run this again.");
    }
    let installed = modified(&root.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(&root.join("package-lock.json")) {
        return Ok(());
    }
    step::run("install the npm packages", npm(root).args(["ci", "--no-audit", "--no-fund"]))
}

/// `npm` in the workspace.
pub(crate) fn npm(root: &Path) -> Command {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(root);
    command
}

/// `node` in `folder`.
pub(crate) fn node(folder: &Path) -> Command {
    let mut command = Command::new("node");
    command.current_dir(folder);
    command
}

/// A command that an npm package brought.
pub(crate) fn tool(root: &Path, name: &str) -> PathBuf {
    root.join("node_modules/.bin").join(name)
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
