//! `cargo xtask release`: sets the version in every file that has it, and gives the changelog's
//! section its name. It neither commits nor pushes.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::{Workspace, output_of};

mod changelog;
mod places;
mod version;

use places::PLACES;
use version::Version;

/// Prepares the release of `version` in the checkout.
pub(crate) fn run(workspace: &Workspace, version: &str) -> Result<()> {
    let next = Version::parse(version)?;
    let status = output_of(workspace.program("git").args(["status", "--porcelain"]))
        .context("failed to ask git for changes: run this in a clone of the repository")?;
    ensure!(
        status.is_empty(),
        "failed to prepare the release: these files have changes that are not committed. Commit or \
         stash them first:\n{status}"
    );
    let day = output_of(workspace.node(".").args(["-p", "new Date().toISOString().slice(0, 10)"]))
        .context("failed to get the date from Node: install Node 20 or newer")?;
    set(workspace, &next, &day)?;
    // Cargo's own file, in Cargo's own words.
    workspace.run(
        "update Cargo.lock",
        workspace.cargo().args(["update", "--workspace", "--offline", "--quiet"]),
    )?;
    println!(
        "\nVersion {version} is in every file, and CHANGELOG.md has its section. Review it with \
         `git diff`, and run\n\n  \
         git commit --all --message 'chore: release {version}'\n  \
         git tag --annotate v{version} --message v{version}\n  \
         git push origin main v{version}\n\n\
         The tag starts the workflow that builds the release. docs/releasing.md says what follows."
    );
    Ok(())
}

/// Changes every place and the changelog, or nothing if one of them does not agree.
fn set(workspace: &Workspace, next: &Version, day: &str) -> Result<()> {
    let current = current(workspace)?;
    if *next < current {
        bail!(
            "failed to prepare the release: {next} is lower than {current}, which Cargo.toml has"
        );
    }
    let mut texts: Vec<(&str, String)> = Vec::new();
    for place in PLACES {
        let text = match texts.iter().position(|(path, _)| *path == place.path) {
            Some(index) => texts.swap_remove(index).1,
            None => read(workspace, place.path)?,
        };
        texts.push((place.path, place.replace(&text, &current, next)?));
    }
    let changelog = changelog::cut(&read(workspace, changelog::PATH)?, next, day)?;
    texts.push((changelog::PATH, changelog));
    for (path, text) in texts {
        fs::write(workspace.path(path), text).with_context(|| format!("failed to write {path}"))?;
    }
    Ok(())
}

/// The version of the workspace. Every other place has to agree with it.
fn current(workspace: &Workspace) -> Result<Version> {
    let manifest = read(workspace, "Cargo.toml")?;
    let (_, package) = manifest.split_once("[workspace.package]").unwrap_or_default();
    let line = package.lines().find_map(|line| line.strip_prefix("version = \""));
    let text = line.and_then(|rest| rest.strip_suffix('"'));
    Version::parse(text.context("Cargo.toml has no version in [workspace.package]")?)
}

fn read(workspace: &Workspace, path: &str) -> Result<String> {
    fs::read_to_string(workspace.path(path)).with_context(|| format!("failed to read {path}"))
}

#[cfg(test)]
mod tests;
