//! Chromium or Chrome, and chromedriver.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::programs::{from_env, install, on_path, program};
use crate::workspace::Workspace;

/// A browser and the `WebDriver` that belongs to it.
pub(crate) struct Chromium {
    /// The path of the browser.
    pub(crate) browser: PathBuf,
    /// The path of chromedriver.
    pub(crate) driver: PathBuf,
}

/// Finds Chromium (or Chrome) and its driver, installing Debian's packages when run as root there.
pub(crate) fn chromium(workspace: &Workspace) -> Result<Chromium> {
    if let Some(found) = find() {
        return Ok(found);
    }
    install(workspace, "Chromium", &["chromium", "chromium-driver"])?;
    match find() {
        Some(found) => Ok(found),
        None => bail!(
            "the browser tests need Chromium (or Chrome) and its chromedriver. Install them:\n  \
             Debian, Ubuntu: sudo apt-get install chromium chromium-driver\n  \
             macOS:          brew install --cask google-chrome chromedriver\n  \
             elsewhere:      Chrome, and the chromedriver of the same version\n\
             or set LAMPLIGHT_CHROMIUM and CHROMEDRIVER to their paths."
        ),
    }
}

fn find() -> Option<Chromium> {
    let browser = from_env("LAMPLIGHT_CHROMIUM").or_else(|| {
        program(
            &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"],
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        )
    })?;
    let driver = from_env("CHROMEDRIVER").or_else(|| on_path("chromedriver"))?;
    Some(Chromium { browser, driver })
}
