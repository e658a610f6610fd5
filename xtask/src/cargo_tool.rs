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
    /// Additional flags of `cargo install`.
    pub(crate) flags: &'static [&'static str],
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
        let Self { name, version, flags } = self;
        let folder = cache_folder()?.join(format!("{name}-{version}"));
        let program = folder.join("bin").join(name).with_extension(std::env::consts::EXE_EXTENSION);
        if program.is_file() {
            return Ok(program);
        }
        workspace
            .run(
                &format!("build {name} {version} (once, into {})", folder.display()),
                workspace
                    .cargo()
                    .args(["install", "--locked", "--version", version, "--root"])
                    .arg(&folder)
                    .args(*flags)
                    .arg(name),
            )
            .with_context(|| {
                format!(
                    "{name} is missing and could not be built. Building it downloads its sources \
                     the first time, so check the network, or install it yourself:\n  \
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
