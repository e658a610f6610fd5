//! One step of a developer command: a child process with a heading.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// `cargo` in the workspace, as the same toolchain that runs us.
pub(crate) fn cargo(root: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root);
    command
}

/// Runs `command` under a heading and fails with the heading if it does.
pub(crate) fn run(heading: &str, command: &mut Command) -> Result<()> {
    println!("\n=== {heading}");
    // A developer command times its own steps; no test depends on it.
    #[allow(clippy::disallowed_methods)]
    let started = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("failed to start {}: {heading}", name_of(command)))?;
    if !status.success() {
        bail!("failed: {heading} ({} ended with {status})", name_of(command));
    }
    println!("=== {heading}: done in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// What `command` prints on standard output, trimmed; `None` if it cannot be run or fails.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
