//! WebKitGTK's small browser, and a screen for it: it has no headless mode.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::programs::{from_env, install, on_path};

/// The versions of the library, newest first, as they are spelled in its folder's name.
const LIBRARIES: [&str; 2] = ["webkit2gtk-4.1", "webkit2gtk-4.0"];

/// Finds both, installing Debian's packages when run as root there; says which variable names each.
pub(super) fn webkit() -> Result<Vec<(&'static str, PathBuf)>> {
    if let Some(found) = find() {
        return Ok(found);
    }
    install("WebKitGTK", &["libwebkit2gtk-4.1-0", "xvfb"])?;
    match find() {
        Some(found) => Ok(found),
        None => bail!(
            "WebKitGTK's MiniBrowser and Xvfb are needed for the browser tests. Install them:\n  \
             Debian, Ubuntu: sudo apt-get install libwebkit2gtk-4.1-0 xvfb\n\
             or say where they are with LAMPLIGHT_WEBKIT and LAMPLIGHT_XVFB,\n\
             or leave this engine out: cargo xtask test --engine chromium --engine firefox"
        ),
    }
}

fn find() -> Option<Vec<(&'static str, PathBuf)>> {
    let browser = from_env("LAMPLIGHT_WEBKIT").or_else(mini_browser)?;
    let screen = from_env("LAMPLIGHT_XVFB").or_else(|| on_path("Xvfb"))?;
    Some(vec![("LAMPLIGHT_WEBKIT", browser), ("LAMPLIGHT_XVFB", screen)])
}

/// It is no command: it lies beside the library, in a folder that Debian names after the processor.
fn mini_browser() -> Option<PathBuf> {
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let folders = [multiarch.as_str(), "/usr/lib64", "/usr/libexec", "/usr/lib"];
    LIBRARIES
        .iter()
        .flat_map(|library| folders.map(|folder| Path::new(folder).join(library)))
        .map(|folder| folder.join("MiniBrowser"))
        .find(|path| path.is_file())
}
