//! `cargo xtask package`: the npm packages as they would be published, in `target/packages`.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::workspace::{Workspace, output_of};
use crate::{build, rust_target};

/// Builds everything and packs it, with the server for `target` or for this system.
pub(crate) fn run(workspace: &Workspace, target: Option<&str>) -> Result<()> {
    let server = match target {
        None => {
            build::run(workspace)?;
            workspace.server()
        }
        Some(target) => {
            rust_target::ensure_installed(workspace, target)?;
            build::for_target(workspace, target)?
        }
    };
    let host = output_of(workspace.program("rustc").args(["--print", "host-tuple"]));
    let target = target.map(str::to_owned).or(host).unwrap_or_default();
    let packages = workspace.target().join("packages");
    std::fs::create_dir_all(&packages)?;
    workspace.run(
        "pack lamplight",
        workspace.npm().args(["pack", "./npm", "--silent", "--pack-destination"]).arg(&packages),
    )?;
    workspace.run(
        "pack lamplight-server",
        workspace
            .node(".")
            .args(["server/npm/pack.mjs", "--launcher", "--into"])
            .arg(&packages)
            .arg(argument(&system(&target)?, &server)),
    )
}

/// A binary, as `server/npm/pack.mjs` takes it.
fn argument(system: &str, server: &PathBuf) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(format!("{system}="));
    argument.push(server);
    argument
}

/// The system of a target triple, as npm names it.
fn system(target: &str) -> Result<String> {
    let os = ["linux", "darwin", "windows"].into_iter().find(|os| target.contains(os));
    let cpu = match target.split('-').next() {
        Some("x86_64") => Some("x64"),
        Some("aarch64") => Some("arm64"),
        _ => None,
    };
    match (os, cpu) {
        (Some("linux"), Some(cpu)) => Ok(format!("linux-{cpu}")),
        (Some("darwin"), Some(cpu)) => Ok(format!("darwin-{cpu}")),
        // Windows on ARM runs it, too.
        (Some("windows"), Some("x64")) => Ok("win32-x64".to_owned()),
        _ => bail!(
            "there is no npm package for the target `{target}`: server/npm/platforms.mjs lists the \
             systems that have one"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_the_names_that_npm_gives_their_systems() {
        for (target, name) in [
            ("x86_64-unknown-linux-musl", "linux-x64"),
            ("aarch64-unknown-linux-gnu", "linux-arm64"),
            ("aarch64-apple-darwin", "darwin-arm64"),
            ("x86_64-apple-darwin", "darwin-x64"),
            ("x86_64-pc-windows-msvc", "win32-x64"),
            ("x86_64-pc-windows-gnu", "win32-x64"),
        ] {
            assert_eq!(system(target).unwrap(), name);
        }
        for other in ["riscv64gc-unknown-linux-musl", "aarch64-pc-windows-msvc", ""] {
            let error = system(other).unwrap_err().to_string();
            assert!(error.contains("platforms.mjs"), "{error}");
        }
    }
}
