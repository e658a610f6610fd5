//! What the documentation's snippets run with, in addition to a browser and the server: nginx, Ruby
//! with Active Job, and Prometheus, which also tests the metrics, the dashboard and the alerts.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::programs::{from_env, install, on_path, program};
use crate::workspace::{Workspace, output_of};

/// The packages of Debian.
const PACKAGES: [&str; 4] = ["nginx-light", "ruby", "ruby-activejob", "prometheus"];

/// Finds all of them, installing Debian's packages when run as root there, and returns the
/// environment variables by which the end-to-end tests find them.
pub(crate) fn environment(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>> {
    if find(workspace).is_none() {
        install(workspace, "nginx, Ruby and Prometheus", &PACKAGES)?;
    }
    match find(workspace) {
        Some(found) => Ok(found),
        None => bail!(
            "the documentation's snippets need nginx, Ruby with the gem activejob, and Prometheus \
             with promtool. Install them:\n  \
             Debian, Ubuntu: sudo apt-get install {}\n  \
             macOS:          brew install nginx ruby prometheus && gem install activejob\n\
             or set LAMPLIGHT_NGINX, LAMPLIGHT_PROMETHEUS and LAMPLIGHT_PROMTOOL to their paths, or \
             leave out Chromium, in which the snippets run.",
            PACKAGES.join(" ")
        ),
    }
}

/// The paths of the programs, if Ruby is there too. Debian installs nginx where only root's path
/// leads.
fn find(workspace: &Workspace) -> Option<Vec<(&'static str, PathBuf)>> {
    let nginx = from_env("LAMPLIGHT_NGINX").or_else(|| program(&["nginx"], "/usr/sbin/nginx"))?;
    let prometheus = from_env("LAMPLIGHT_PROMETHEUS").or_else(|| on_path("prometheus"))?;
    let promtool = from_env("LAMPLIGHT_PROMTOOL").or_else(|| on_path("promtool"))?;
    let ruby = on_path("ruby")?;
    output_of(workspace.program(ruby).args(["-e", "require 'active_job'"]))?;
    Some(vec![
        ("LAMPLIGHT_NGINX", nginx),
        ("LAMPLIGHT_PROMETHEUS", prometheus),
        ("LAMPLIGHT_PROMTOOL", promtool),
    ])
}
