//! The browsers that tests run in: found, installed where that is possible, or asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::step;

mod chromium;
mod firefox;
mod webkit;

pub(crate) use chromium::chromium;
pub(crate) use firefox::{firefox, geckodriver};

/// A browser engine that tabs are opened in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// Chromium or Chrome
    Chromium,
    /// Firefox
    Firefox,
    /// WebKit, as WebKitGTK; on Linux only
    Webkit,
}

impl Engine {
    /// Those that run on this system.
    pub(crate) fn all() -> &'static [Self] {
        if cfg!(target_os = "linux") {
            &[Self::Chromium, Self::Firefox, Self::Webkit]
        } else {
            &[Self::Chromium, Self::Firefox]
        }
    }

    /// Its name in the end-to-end tests.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::Webkit => "webkit",
        }
    }

    /// Finds or installs it; says by which environment variables the end-to-end tests find it.
    pub(crate) fn ensure(self) -> Result<Vec<(&'static str, PathBuf)>> {
        match self {
            Self::Chromium => Ok(vec![("LAMPLIGHT_CHROMIUM", chromium()?.browser)]),
            Self::Firefox => Ok(vec![("LAMPLIGHT_FIREFOX", firefox()?)]),
            Self::Webkit => webkit::webkit(),
        }
    }
}

/// Installs Debian's packages when run as root there, and does nothing elsewhere.
fn install(what: &str, packages: &[&str]) -> Result<()> {
    if !is_root() || on_path("apt-get").is_none() {
        return Ok(());
    }
    step::run("refresh the package lists", Command::new("apt-get").args(["update", "-qq"]))?;
    step::run(
        &format!("install {what}"),
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(["-o", "DPkg::Lock::Timeout=300"])
            .args(packages),
    )
}

fn from_env(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_file())
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The first of `names` on the path, or `app` where macOS keeps its programs.
fn program(names: &[&str], app: &str) -> Option<PathBuf> {
    let found = names.iter().copied().find_map(on_path);
    found.or_else(|| Path::new(app).is_file().then(|| PathBuf::from(app)))
}

fn is_root() -> bool {
    step::output_of(Command::new("id").arg("-u")).as_deref() == Some("0")
}
