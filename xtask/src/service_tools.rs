//! What tests of the server as a service run with: systemd's analyzer, Python with libseccomp,
//! pgbouncer, `HAProxy` and libfaketime.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::programs::{from_env, install, on_path};
use crate::workspace::{Workspace, output_of};

/// Finds both on Linux, installing Debian's packages when run as root there.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    if !cfg!(target_os = "linux") || is_there(workspace) {
        return Ok(());
    }
    install(workspace, "systemd's analyzer", &["systemd", "python3-seccomp"])?;
    if !is_there(workspace) {
        bail!(
            "the tests of the systemd unit need systemd-analyze, and seccomp for /usr/bin/python3. \
             Install them:\n  Debian, Ubuntu: sudo apt-get install systemd python3-seccomp"
        );
    }
    Ok(())
}

fn is_there(workspace: &Workspace) -> bool {
    let mut python = workspace.program("/usr/bin/python3");
    on_path("systemd-analyze").is_some()
        && output_of(python.args(["-c", "import seccomp"])).is_some()
}

/// Finds pgbouncer, installing Debian's package when run as root there.
pub(crate) fn pgbouncer(workspace: &Workspace) -> Result<PathBuf> {
    of_debian(workspace, "pgbouncer", "the faults of PostgreSQL behind a pooler")
}

/// Finds `HAProxy`, installing Debian's package when run as root there.
pub(crate) fn haproxy(workspace: &Workspace) -> Result<PathBuf> {
    of_debian(workspace, "haproxy", "the load balancer of the cluster")
}

/// Finds libfaketime on Linux, which lets a test set the clock of a program, installing Debian's
/// package when run as root there.
pub(crate) fn faketime(workspace: &Workspace) -> Result<Option<PathBuf>> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    if let Some(named) = from_env("TEST_FAKETIME") {
        return Ok(Some(named));
    }
    if library().is_none() {
        install(workspace, "libfaketime", &["libfaketime"])?;
    }
    let Some(library) = library() else {
        bail!(
            "the clocks of a cluster need libfaketime. Install it, or set TEST_FAKETIME to \
             libfaketimeMT.so.1:\n  Debian, Ubuntu: sudo apt-get install libfaketime"
        )
    };
    Ok(Some(library))
}

/// Where Debian's package puts it: in the folder of its processor's libraries.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten();
    folders.map(|it| it.path().join("faketime/libfaketimeMT.so.1")).find(|it| it.is_file())
}

/// A program that Debian's package of the same name has where only root's path leads.
fn of_debian(workspace: &Workspace, name: &str, user: &str) -> Result<PathBuf> {
    let found = || {
        let of_debian = Path::new("/usr/sbin").join(name);
        on_path(name).or_else(|| of_debian.is_file().then_some(of_debian))
    };
    if found().is_none() {
        install(workspace, name, &[name])?;
    }
    match found() {
        Some(program) => Ok(program),
        None => bail!(
            "{user} needs {name}. Install it:\n  Debian, Ubuntu: sudo apt-get install {name}\n  \
             macOS: brew install {name}"
        ),
    }
}
