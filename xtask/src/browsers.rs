//! The browsers that tests run in: found, installed where that is possible, or asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::step;

/// A browser and the `WebDriver` that belongs to it.
pub(crate) struct Chromium {
    /// The browser.
    pub(crate) browser: PathBuf,
    /// Its driver.
    pub(crate) driver: PathBuf,
}

/// Finds Chromium (or Chrome) and its driver, installing Debian's packages when run as root there.
pub(crate) fn chromium() -> Result<Chromium> {
    if let Some(found) = find() {
        return Ok(found);
    }
    if is_root() && on_path("apt-get").is_some() {
        step::run("refresh the package lists", Command::new("apt-get").args(["update", "-qq"]))?;
        step::run(
            "install Chromium",
            Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args([
                "install",
                "-y",
                "-qq",
                "--no-install-recommends",
                "-o",
                "DPkg::Lock::Timeout=300",
                "chromium",
                "chromium-driver",
            ]),
        )?;
    }
    match find() {
        Some(found) => Ok(found),
        None => bail!(
            "Chromium (or Chrome) and its chromedriver are needed for the browser tests. Install them:\n  \
             Debian, Ubuntu: sudo apt-get install chromium chromium-driver\n  \
             macOS:          brew install --cask google-chrome chromedriver\n  \
             elsewhere:      Chrome, and the chromedriver of the same version\n\
             or say where they are with LAMPLIGHT_CHROMIUM and CHROMEDRIVER."
        ),
    }
}

fn find() -> Option<Chromium> {
    let browser = from_env("LAMPLIGHT_CHROMIUM").or_else(|| {
        ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]
            .into_iter()
            .find_map(on_path)
            .or_else(|| {
                let app = Path::new("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
                app.is_file().then(|| app.to_owned())
            })
    })?;
    let driver = from_env("CHROMEDRIVER").or_else(|| on_path("chromedriver"))?;
    Some(Chromium { browser, driver })
}

fn from_env(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_file())
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

fn is_root() -> bool {
    step::output_of(Command::new("id").arg("-u")).as_deref() == Some("0")
}
