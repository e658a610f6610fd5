//! Firefox, and geckodriver.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::programs::{from_env, install, on_path, program};
use crate::step;

/// The geckodriver that is built where none is installed.
const GECKODRIVER_VERSION: &str = "0.37.1";

/// Finds Firefox, installing Debian's package when run as root there.
pub(crate) fn firefox() -> Result<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    install("Firefox", &["firefox-esr"])?;
    match find() {
        Some(found) => Ok(found),
        None => bail!(
            "Firefox is needed for the browser tests. Install it:\n  \
             Debian: sudo apt-get install firefox-esr\n  \
             Ubuntu: sudo apt-get install firefox\n  \
             macOS:  brew install --cask firefox\n\
             or say where it is with LAMPLIGHT_FIREFOX."
        ),
    }
}

fn find() -> Option<PathBuf> {
    from_env("LAMPLIGHT_FIREFOX").or_else(|| {
        program(&["firefox-esr", "firefox"], "/Applications/Firefox.app/Contents/MacOS/firefox")
    })
}

/// Finds geckodriver, or builds it once, at a pinned version, in the user's cache folder.
pub(crate) fn geckodriver(root: &Path) -> Result<PathBuf> {
    if let Some(found) = from_env("GECKODRIVER").or_else(|| on_path("geckodriver")) {
        return Ok(found);
    }
    let folder = cache()?.join(format!("geckodriver-{GECKODRIVER_VERSION}"));
    let driver = folder.join("bin/geckodriver").with_extension(std::env::consts::EXE_EXTENSION);
    if !driver.is_file() {
        step::run(
            "build geckodriver, once",
            step::cargo(root)
                .args(["install", "--locked", "--version", GECKODRIVER_VERSION, "--root"])
                .arg(&folder)
                .arg("geckodriver"),
        )?;
    }
    Ok(driver)
}

/// Where programs that are built once for all checkouts are kept.
fn cache() -> Result<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = named.or_else(|| Some(std::env::home_dir()?.join(".cache")));
    Ok(cache.context("failed to find a cache folder: set XDG_CACHE_HOME")?.join("lamplight"))
}
