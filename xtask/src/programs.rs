//! Other people's programs: found, or installed where that is possible.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::step;

/// Installs Debian's packages when run as root there, and does nothing elsewhere.
pub(crate) fn install(what: &str, packages: &[&str]) -> Result<()> {
    if !is_root() || on_path("apt-get").is_none() {
        return Ok(());
    }
    step::run("refresh the package lists", Command::new("apt-get").args(["update", "-qq"]))?;
    step::run(
        &format!("install {what}"),
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            // Services are installed, not started.
            .env("RUNLEVEL", "1")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(["-o", "DPkg::Lock::Timeout=300"])
            .args(packages),
    )
}

/// The program that the variable `name` names, if it is there.
pub(crate) fn from_env(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_file())
}

/// The program of this name on the path.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The first of `names` on the path, or `app` where macOS keeps its programs.
pub(crate) fn program(names: &[&str], app: &str) -> Option<PathBuf> {
    let found = names.iter().copied().find_map(on_path);
    found.or_else(|| Path::new(app).is_file().then(|| PathBuf::from(app)))
}

fn is_root() -> bool {
    step::output_of(Command::new("id").arg("-u")).as_deref() == Some("0")
}
