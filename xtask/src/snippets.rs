//! What the documentation's snippets run with, in addition to a browser and the server: nginx, and
//! Ruby with Active Job.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::programs::{from_env, install, on_path, program};
use crate::workspace::{Workspace, output_of};

/// Finds both, installing Debian's packages when run as root there, and returns the environment
/// variables by which the end-to-end tests find them.
pub(crate) fn environment(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>> {
    if find(workspace).is_none() {
        install(workspace, "nginx and Ruby", &["nginx-light", "ruby", "ruby-activejob"])?;
    }
    match find(workspace) {
        Some(nginx) => Ok(vec![("LAMPLIGHT_NGINX", nginx)]),
        None => bail!(
            "the documentation's snippets need nginx, and Ruby with the gem activejob. \
             Install them:\n  \
             Debian, Ubuntu: sudo apt-get install nginx-light ruby ruby-activejob\n  \
             macOS:          brew install nginx ruby && gem install activejob\n\
             or set LAMPLIGHT_NGINX to the path of nginx, or leave out Chromium, in which the \
             snippets run."
        ),
    }
}

/// The path of nginx, if Ruby is there too. Debian installs nginx where only root's path leads.
fn find(workspace: &Workspace) -> Option<PathBuf> {
    let nginx = from_env("LAMPLIGHT_NGINX").or_else(|| program(&["nginx"], "/usr/sbin/nginx"))?;
    let ruby = on_path("ruby")?;
    output_of(workspace.program(ruby).args(["-e", "require 'active_job'"])).map(|_| nginx)
}
