//! What the snippets of the documentation are run with, beside a browser and the server: nginx, and Ruby with Active Job.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::programs::{from_env, install, on_path, program};
use crate::step;

/// Finds both, installing Debian's packages when run as root there; says which variable names each.
pub(crate) fn environment() -> Result<Vec<(&'static str, PathBuf)>> {
    if find().is_none() {
        install("nginx and Ruby", &["nginx-light", "ruby", "ruby-activejob"])?;
    }
    match find() {
        Some(nginx) => Ok(vec![("LAMPLIGHT_NGINX", nginx)]),
        None => bail!(
            "nginx, and Ruby with the gem activejob, are needed to run what the documentation shows. Install them:\n  \
             Debian, Ubuntu: sudo apt-get install nginx-light ruby ruby-activejob\n  \
             macOS:          brew install nginx ruby && gem install activejob\n\
             or say where nginx is with LAMPLIGHT_NGINX, or leave Chromium out, in which snippets run."
        ),
    }
}

/// Where nginx is, if Ruby is there too. Debian keeps nginx where only root's path leads.
fn find() -> Option<PathBuf> {
    let nginx = from_env("LAMPLIGHT_NGINX").or_else(|| program(&["nginx"], "/usr/sbin/nginx"))?;
    let ruby = on_path("ruby")?;
    step::output_of(Command::new(ruby).args(["-e", "require 'active_job'"])).map(|_| nginx)
}
