//! Programs that are built from their crate once, at a pinned version, for all checkouts.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::programs::on_path;
use crate::workspace::{Workspace, output_of};

/// A program that has the name of its crate.
pub(crate) struct CargoTool {
    /// The name of the crate and of its program.
    pub(crate) name: &'static str,
    /// The version that is built.
    pub(crate) version: &'static str,
    /// Whether it is built with optimisations, which takes several times as long.
    pub(crate) is_optimised: bool,
}

impl CargoTool {
    /// Finds the program at its version on the path or in the user's cache folder, or builds it
    /// there.
    pub(crate) fn find_or_build(&self, workspace: &Workspace) -> Result<PathBuf> {
        if let Some(found) = on_path(self.name).filter(|path| self.has_version(workspace, path)) {
            return Ok(found);
        }
        self.build(workspace)
    }

    /// Builds the program in the user's cache folder, unless it is there.
    pub(crate) fn build(&self, workspace: &Workspace) -> Result<PathBuf> {
        let Self { name, version, is_optimised } = self;
        let folder = cache_folder()?.join(format!("{name}-{version}"));
        let program = folder.join("bin").join(name).with_extension(std::env::consts::EXE_EXTENSION);
        if program.is_file() {
            return Ok(program);
        }
        let mut cargo = workspace.cargo();
        cargo.args(["install", "--locked", "--version", version, "--root"]).arg(&folder).arg(name);
        if !is_optimised {
            cargo.arg("--debug").env("CARGO_PROFILE_DEV_DEBUG", "0");
        }
        let heading = format!("build {name} {version} (once, into {})", folder.display());
        workspace.run(&heading, &mut cargo).with_context(|| {
            format!(
                "{name} is missing and could not be built. Building it downloads its sources, so \
                 check the network, or install it yourself:\n  \
                 cargo install --locked --version {version} {name}"
            )
        })?;
        Ok(program)
    }

    fn has_version(&self, workspace: &Workspace, program: &PathBuf) -> bool {
        let line = output_of(workspace.program(program).arg("--version")).unwrap_or_default();
        line.split_whitespace().nth(1) == Some(self.version)
    }
}

/// Where programs that are built once for all checkouts are kept.
fn cache_folder() -> Result<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let folder = named.or_else(|| Some(std::env::home_dir()?.join(".cache")));
    Ok(folder.context("failed to find a cache folder: set XDG_CACHE_HOME")?.join("lamplight"))
}
