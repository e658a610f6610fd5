//! Finds a browser of the Chromium family.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::error::ChaosError;

/// The variable that names a browser.
pub(super) const VARIABLE: &str = "LAMPLIGHT_CHROMIUM";
/// Names of programs, the most wanted first.
const NAMES: [&str; 9] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "chrome-headless-shell",
    "microsoft-edge",
    "microsoft-edge-stable",
    "brave-browser",
];
/// Where macOS has them.
const APPLICATIONS: [&str; 3] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
];

/// The browser that was named, or the first one on the `PATH`.
pub(super) fn find(
    named: Option<&Path>,
    env: &dyn Fn(&str) -> Option<std::ffi::OsString>,
) -> Result<PathBuf, ChaosError> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    if let Some(path) = env(VARIABLE).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let path = env("PATH").unwrap_or_default();
    on_path(&path)
        .or_else(|| APPLICATIONS.iter().map(PathBuf::from).find(|it| is_program(it)))
        .ok_or(ChaosError::NoBrowser)
}

fn on_path(path: &OsStr) -> Option<PathBuf> {
    let folders: Vec<_> = std::env::split_paths(path).collect();
    let all = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.into_iter().find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_named_browser_counts_more_than_the_variable_and_that_more_than_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("google-chrome");
        std::fs::write(&program, "").unwrap();
        let env = |variable: Option<&'static str>| {
            let folder = dir.path().as_os_str().to_owned();
            move |name: &str| match name {
                VARIABLE => variable.map(Into::into),
                "PATH" => Some(folder.clone()),
                _ => None,
            }
        };
        let cannot = find(None, &env(None));
        // Where a Mac has one, that is found.
        if !APPLICATIONS.iter().any(|it| Path::new(it).exists()) {
            let error = cannot.unwrap_err().to_string();
            assert!(error.contains("install Chromium") && error.contains("--browser"), "{error}");
        }
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(find(None, &env(None)).unwrap(), program);
        assert_eq!(find(None, &env(Some(""))).unwrap(), program);
        assert_eq!(find(None, &env(Some("/x/y"))).unwrap(), Path::new("/x/y"));
        assert_eq!(find(Some(Path::new("/z")), &env(Some("/x/y"))).unwrap(), Path::new("/z"));
    }
}
