//! WebKitGTK's `MiniBrowser`, and Xvfb as its screen: it has no headless mode.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::programs::{from_env, install, on_path};
use crate::workspace::Workspace;

/// The names of the library's folder, newest version first.
const LIBRARIES: [&str; 2] = ["webkit2gtk-4.1", "webkit2gtk-4.0"];

/// Finds both, installing Debian's packages when run as root there, and returns the environment
/// variables by which the end-to-end tests find them.
pub(super) fn webkit(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>> {
    if let Some(found) = find() {
        return Ok(found);
    }
    install(workspace, "WebKitGTK", &["libwebkit2gtk-4.1-0", "xvfb"])?;
    match find() {
        Some(found) => Ok(found),
        None => bail!(
            "the browser tests need WebKitGTK's MiniBrowser and Xvfb. Install them:\n  \
             Debian, Ubuntu: sudo apt-get install libwebkit2gtk-4.1-0 xvfb\n\
             or set LAMPLIGHT_WEBKIT and LAMPLIGHT_XVFB to their paths,\n\
             or leave out this engine: cargo xtask test --engine chromium --engine firefox"
        ),
    }
}

fn find() -> Option<Vec<(&'static str, PathBuf)>> {
    let browser = from_env("LAMPLIGHT_WEBKIT").or_else(mini_browser)?;
    let screen = from_env("LAMPLIGHT_XVFB").or_else(|| on_path("Xvfb"))?;
    Some(vec![("LAMPLIGHT_WEBKIT", browser), ("LAMPLIGHT_XVFB", screen)])
}

/// `MiniBrowser` is not on the path: it lies beside the library, in a folder that Debian names
/// after the processor.
fn mini_browser() -> Option<PathBuf> {
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let folders = [multiarch.as_str(), "/usr/lib64", "/usr/libexec", "/usr/lib"];
    LIBRARIES
        .iter()
        .flat_map(|library| folders.map(|folder| Path::new(folder).join(library)))
        .map(|folder| folder.join("MiniBrowser"))
        .find(|path| path.is_file())
}
