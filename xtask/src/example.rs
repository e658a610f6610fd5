//! `cargo xtask example`: an example, with a server for its events.

use std::io::ErrorKind;
use std::process::{Child, Command};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::workspace::Workspace;
use crate::{address, build};

/// The server that the examples' `.env` files name.
const URL: &str = "http://127.0.0.1:8787";
const WRITE_KEY: &str = "wk_try_me_now";
const ADMIN_TOKEN: &str = "at_try_me_then_make_your_own";

const REMEDY: &str = "Stop it first: the example sends its events to a server at this address";

/// A folder of `examples/` that runs here.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Example {
    /// A page without a bundler
    PlainHtml,
    /// Vite and React
    ViteReact,
    /// Next, with the app router
    Next,
}

/// Builds everything, and runs the example and a server for it until it is stopped.
pub(crate) fn run(workspace: &Workspace, example: Example) -> Result<()> {
    let listen = std::env::var("LAMPLIGHT_LISTEN").unwrap_or_else(|_| address::DEFAULT.into());
    address::require_free(&listen, REMEDY)?;
    build::run(workspace)?;
    match example {
        Example::PlainHtml => page(workspace, "examples/plain-html"),
        Example::ViteReact => app(workspace, "examples/vite-react"),
        Example::Next => app(workspace, "examples/next"),
    }
}

/// A page that starts its server itself.
fn page(workspace: &Workspace, folder: &str) -> Result<()> {
    let mut serve = workspace.node(folder);
    serve.arg("serve.mjs").env("LAMPLIGHT_BIN", workspace.server());
    run_until_stopped(&mut serve)
}

/// An app with a development server of its own.
fn app(workspace: &Workspace, folder: &str) -> Result<()> {
    let folder = workspace.path(folder);
    // npm keeps an installed copy of the package as long as its version is the same.
    match std::fs::remove_dir_all(folder.join("node_modules/lamplight")) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).context("failed to remove the example's copy of the package");
        }
        _ => {}
    }
    let mut install = workspace.npm();
    install.current_dir(&folder).args(["install", "--no-save", "--no-audit", "--no-fund"]);
    workspace.run("install the example's packages", &mut install)?;
    let mut server = start_server(workspace)?;
    println!(
        "\nSee what arrived: curl -H 'authorization: Bearer {ADMIN_TOKEN}' {URL}/api/events\n"
    );
    let result = run_until_stopped(workspace.npm().current_dir(&folder).args(["run", "dev"]));
    server.kill().context("failed to stop the server")?;
    server.wait().context("failed to wait for the server")?;
    result
}

/// Starts the server that the examples' settings name, with its data in the build folder.
fn start_server(workspace: &Workspace) -> Result<Child> {
    workspace
        .program(workspace.server())
        .args(["serve", "--data"])
        .arg(workspace.target().join("example-data"))
        .env("LAMPLIGHT_WRITE_KEY", WRITE_KEY)
        .env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN)
        .spawn()
        .context("failed to start the server")
}

fn run_until_stopped(command: &mut Command) -> Result<()> {
    let status = command.status().context("failed to start the example")?;
    if !status.success() {
        bail!("the example ended with {status}");
    }
    Ok(())
}
