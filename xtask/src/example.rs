//! `cargo xtask example`: an example, with a server for its events.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::{build, node, step, wasm};

/// What the examples' `.env` files name.
const URL: &str = "http://127.0.0.1:8787";
const WRITE_KEY: &str = "wk_try_me_now";
const ADMIN_TOKEN: &str = "at_try_me_then_make_your_own";

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
pub(crate) fn run(root: &Path, example: Example) -> Result<()> {
    build::run(root)?;
    let examples = root.join("examples");
    match example {
        Example::PlainHtml => page(root, &examples.join("plain-html")),
        Example::ViteReact => app(root, &examples.join("vite-react")),
        Example::Next => app(root, &examples.join("next")),
    }
}

/// A page that starts its server itself.
fn page(root: &Path, folder: &Path) -> Result<()> {
    let mut serve = node::node(folder);
    serve.arg("serve.mjs").env("LAMPLIGHT_BIN", binary(root));
    until_stopped(&mut serve)
}

/// An app with a development server of its own.
fn app(root: &Path, folder: &Path) -> Result<()> {
    // npm takes a copy of a version that it has installed for as good as the package.
    match std::fs::remove_dir_all(folder.join("node_modules/lamplight")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context("failed to remove the example's copy of the package");
        }
        _ => {}
    }
    step::run(
        "install the example",
        node::npm(folder).args(["install", "--no-save", "--no-audit", "--no-fund"]),
    )?;
    let mut server = server(root)?;
    println!(
        "\nSee what arrived: curl -H 'authorization: Bearer {ADMIN_TOKEN}' {URL}/api/events\n"
    );
    let ended = until_stopped(node::npm(folder).args(["run", "dev"]));
    server.kill().context("failed to stop the server")?;
    server.wait().context("failed to wait for the server")?;
    ended
}

/// A server that the examples' settings name, with its data in the build folder.
fn server(root: &Path) -> Result<Child> {
    Command::new(binary(root))
        .args(["serve", "--data"])
        .arg(wasm::target(root).join("example-data"))
        .env("LAMPLIGHT_WRITE_KEY", WRITE_KEY)
        .env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN)
        .spawn()
        .context("failed to start the server")
}

fn binary(root: &Path) -> PathBuf {
    wasm::target(root).join("release/lamplight")
}

fn until_stopped(command: &mut Command) -> Result<()> {
    let status = command.status().context("failed to start the example")?;
    if !status.success() {
        bail!("the example ended with {status}");
    }
    Ok(())
}
