//! NATS for the tests of the server, installed below Cargo's output folder.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::python::Packages;
use crate::workspace::{Workspace, output_of};

/// The variable that tells tests the folder of nats-server.
pub(crate) const FOLDER: &str = "TEST_NATS";
/// The program comes in a package of Python, whose environment has it among its programs.
const PACKAGE: Packages =
    Packages { what: "NATS", folder: "nats", requirements: "tests/nats/requirements.txt" };

/// The variable for `cargo test`, with the folder of nats-server. The tests that use it run on
/// Linux only.
pub(crate) fn environment(workspace: &Workspace) -> Result<Option<(&'static str, PathBuf)>> {
    if cfg!(target_os = "linux") { Ok(Some((FOLDER, folder(workspace)?))) } else { Ok(None) }
}

/// The folder with nats-server, or the one that the environment names.
pub(crate) fn folder(workspace: &Workspace) -> Result<PathBuf> {
    let folder: PathBuf = if let Some(folder) = std::env::var_os(FOLDER) {
        folder.into()
    } else {
        let python = PACKAGE.ensure(workspace)?;
        python.parent().context("failed to find the folder of NATS")?.to_owned()
    };
    let version = output_of(workspace.program(folder.join("nats-server")).arg("--version"));
    if version.is_none() {
        bail!(
            "nats-server in {} does not start. Set {FOLDER} to the folder with one that does.",
            folder.display()
        );
    }
    Ok(folder)
}
