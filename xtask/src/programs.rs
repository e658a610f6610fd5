//! Other people's programs: found, or installed where that is possible.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::workspace::{Workspace, output_of};

/// Installs Debian's packages when run as root there, and does nothing elsewhere.
pub(crate) fn install(workspace: &Workspace, what: &str, packages: &[&str]) -> Result<()> {
    if !is_root(workspace) || on_path("apt-get").is_none() {
        return Ok(());
    }
    workspace
        .run("refresh the package lists", workspace.program("apt-get").args(["update", "-qq"]))?;
    workspace.run(
        &format!("install {what}"),
        workspace
            .program("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            // Services are installed, not started.
            .env("RUNLEVEL", "1")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(["-o", "DPkg::Lock::Timeout=300"])
            .args(packages),
    )
}

/// The program that the variable `name` points to, if it is there.
pub(crate) fn from_env(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_file())
}

/// The program of this name on the path.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name).with_extension(std::env::consts::EXE_EXTENSION))
        .find(|path| path.is_file())
}

/// The first of `names` on the path, or `app` where macOS keeps its programs.
pub(crate) fn program(names: &[&str], app: &str) -> Option<PathBuf> {
    let found = names.iter().copied().find_map(on_path);
    found.or_else(|| Path::new(app).is_file().then(|| PathBuf::from(app)))
}

/// Whether root runs this.
pub(crate) fn is_root(workspace: &Workspace) -> bool {
    output_of(workspace.program("id").arg("-u")).as_deref() == Some("0")
}
