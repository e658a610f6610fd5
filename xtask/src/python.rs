//! Python, with the packages that the tests of the API run.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::programs;
use crate::stamp::CachedStep;
use crate::workspace::{Workspace, output_of};

/// The oldest version that the packages run with.
const MINOR_MIN: u32 = 10;
const REQUIREMENTS: &str = "tests/api/requirements.txt";

/// Installs the packages in an environment of their own, unless they are there, and returns its
/// Python.
pub(crate) fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    if version(workspace).is_none() {
        programs::install(workspace, "Python", &["python3", "python3-venv"])?;
    }
    let Some(version) = version(workspace) else {
        bail!(
            "Python is missing. Install Python 3.{MINOR_MIN} or newer with venv (on Debian: apt-get \
             install python3-venv), and run this again."
        );
    };
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor < MINOR_MIN) {
        bail!(
            "Python {version} is too old. Install Python 3.{MINOR_MIN} or newer, and run this again."
        );
    }
    let folder = workspace.target().join("python");
    let python = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    let (python, done) = (folder.join(python), folder.join("requirements.txt"));
    let requirements = workspace.path(REQUIREMENTS);
    CachedStep::new(workspace, "install the Python packages")
        .reads([requirements.clone()])
        .depends_on("python", version)
        .depends_on("folder", folder.display().to_string())
        // Copied last.
        .writes(done.clone())
        .run(|| {
            let mut venv = workspace.program("python3");
            venv.args(["-m", "venv", "--clear"]).arg(&folder);
            workspace.run("create the Python environment", &mut venv)?;
            let mut pip = workspace.program(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
            workspace.run("install the Python packages", pip.arg(&requirements))?;
            fs::copy(&requirements, &done).context("failed to record the Python packages")?;
            Ok(())
        })?;
    Ok(python)
}

/// The version of a Python that can create environments.
fn version(workspace: &Workspace) -> Option<String> {
    let print = "import ensurepip, platform, venv; print(platform.python_version())";
    output_of(workspace.program("python3").args(["-c", print]))
}
