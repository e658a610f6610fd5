//! Firefox, and geckodriver.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::cargo_tool::CargoTool;
use crate::programs::{from_env, install, on_path, program};
use crate::workspace::Workspace;

/// The geckodriver that is built where none is installed.
const GECKODRIVER: CargoTool =
    CargoTool { name: "geckodriver", version: "0.37.1", is_optimised: true };

/// Finds Firefox, installing Debian's package when run as root there.
pub(crate) fn firefox(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    install(workspace, "Firefox", &["firefox-esr"])?;
    match find() {
        Some(found) => Ok(found),
        None => bail!(
            "the browser tests need Firefox. Install it:\n  \
             Debian: sudo apt-get install firefox-esr\n  \
             Ubuntu: sudo apt-get install firefox\n  \
             macOS:  brew install --cask firefox\n\
             or set LAMPLIGHT_FIREFOX to its path."
        ),
    }
}

fn find() -> Option<PathBuf> {
    from_env("LAMPLIGHT_FIREFOX").or_else(|| {
        program(&["firefox-esr", "firefox"], "/Applications/Firefox.app/Contents/MacOS/firefox")
    })
}

/// Finds geckodriver, or builds it once in the user's cache folder.
pub(crate) fn geckodriver(workspace: &Workspace) -> Result<PathBuf> {
    match from_env("GECKODRIVER").or_else(|| on_path(GECKODRIVER.name)) {
        Some(found) => Ok(found),
        None => GECKODRIVER.build(workspace),
    }
}
