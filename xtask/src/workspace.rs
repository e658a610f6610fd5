//! The checkout that the commands work in, and the steps that they have run.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::last_lines;
use crate::report::{Outcome, Row, timed};

/// The checkout, its output folder, and the steps run so far.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    steps: RefCell<Vec<Row>>,
}

impl Workspace {
    /// The checkout that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("failed to find the workspace: xtask has no parent folder")?;
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        Ok(Self::new(root, root.join(target)))
    }

    /// The checkout in `root`, with Cargo's output in `target`.
    pub(crate) fn new(root: &Path, target: PathBuf) -> Self {
        Self { root: root.to_path_buf(), target, steps: RefCell::default() }
    }

    /// The absolute path of `relative`.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Cargo's output folder.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The server, as the release build leaves it.
    pub(crate) fn server(&self) -> PathBuf {
        self.target.join("release/lamplight").with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// A program, started in the checkout.
    pub(crate) fn program(&self, name: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root);
        command
    }

    /// `cargo`, of the toolchain that runs this program.
    pub(crate) fn cargo(&self) -> Command {
        self.program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// `npm`, in the root of the npm workspace.
    pub(crate) fn npm(&self) -> Command {
        self.program(if cfg!(windows) { "npm.cmd" } else { "npm" })
    }

    /// `node`, in a folder of the checkout.
    pub(crate) fn node(&self, folder: &str) -> Command {
        let mut command = Command::new("node");
        command.current_dir(self.path(folder));
        command
    }

    /// A command that an npm package brought.
    pub(crate) fn npm_tool(&self, name: &str) -> Command {
        let extension = if cfg!(windows) { "cmd" } else { "" };
        self.program(self.path("node_modules/.bin").join(name).with_extension(extension))
    }

    /// Runs `command` under a heading. If the command fails, the error is the heading, and its
    /// cause the last lines of the command.
    pub(crate) fn run(&self, heading: &str, command: &mut Command) -> Result<()> {
        println!("\n=== {heading}");
        let (result, duration) = timed(|| last_lines::run(command));
        let program = command.get_program().to_string_lossy();
        let (status, last_lines) =
            result.with_context(|| format!("failed to start {program}: {heading}"))?;
        println!("=== {heading}: {:.1} s", duration.as_secs_f64());
        self.record(heading, Outcome::of(status.success()), duration);
        if !status.success() {
            let failure = format!("failed: {heading} ({program} ended with {status})");
            if last_lines.is_empty() {
                bail!(failure);
            }
            return Err(anyhow!("its last lines:\n{last_lines}").context(failure));
        }
        Ok(())
    }

    /// Records a step for the table that [`Self::steps`] is printed as.
    pub(crate) fn record(&self, name: &str, outcome: Outcome, duration: Duration) {
        self.steps.borrow_mut().push(Row { name: name.to_owned(), outcome, duration });
    }

    /// The steps run so far, in their order.
    pub(crate) fn steps(&self) -> Vec<Row> {
        self.steps.borrow().clone()
    }
}

/// What `command` prints on standard output, trimmed. `None` if it cannot be started or fails.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
