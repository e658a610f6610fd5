//! Python, with the packages that tests run.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::programs;
use crate::stamp::CachedStep;
use crate::workspace::{Workspace, output_of};

/// The oldest version that the packages run with.
const MINOR_MIN: u32 = 10;

/// Packages in an environment of their own.
pub(crate) struct Packages {
    /// What they are, for headings.
    pub(crate) what: &'static str,
    /// The folder of the environment, below Cargo's output folder.
    pub(crate) folder: &'static str,
    /// The file that lists every one of them.
    pub(crate) requirements: &'static str,
}

/// What checks the manifests of the cluster.
pub(crate) const MANIFESTS: Packages = Packages {
    what: "what checks manifests",
    folder: "manifests",
    requirements: "tests/packaging/requirements.txt",
};

/// What the tests of the API run.
pub(crate) const API: Packages = Packages {
    what: "the Python packages",
    folder: "python",
    requirements: "tests/api/requirements.txt",
};

impl Packages {
    /// Installs the packages, unless they are there, and returns the environment's Python.
    pub(crate) fn ensure(&self, workspace: &Workspace) -> Result<PathBuf> {
        let version = supported(workspace)?;
        let folder = workspace.target().join(self.folder);
        let python = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        let (python, done) = (folder.join(python), folder.join("requirements.txt"));
        let requirements = workspace.path(self.requirements);
        let heading = format!("install {}", self.what);
        CachedStep::new(workspace, &heading)
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
                pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
                pip.args(["--no-deps", "-r"]).arg(&requirements);
                workspace.run(&heading, &mut pip)?;
                fs::copy(&requirements, &done).context("failed to record the Python packages")?;
                Ok(())
            })?;
        Ok(python)
    }

    /// Installs the packages, unless they are there, and returns the folder of their programs.
    pub(crate) fn programs(&self, workspace: &Workspace) -> Result<PathBuf> {
        let python = self.ensure(workspace)?;
        Ok(python.parent().context("Python is in no folder")?.to_owned())
    }
}

/// The version of Python, which is installed if it is missing and that is possible.
fn supported(workspace: &Workspace) -> Result<String> {
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
    Ok(version)
}

/// The version of a Python that can create environments.
fn version(workspace: &Workspace) -> Option<String> {
    let print = "import ensurepip, platform, venv; print(platform.python_version())";
    output_of(workspace.program("python3").args(["-c", print]))
}
