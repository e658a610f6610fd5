//! What the tests of the systemd unit run with: systemd's analyzer, and Python with libseccomp.

use anyhow::{Result, bail};

use crate::programs::{install, on_path};
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
