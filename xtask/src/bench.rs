//! `cargo xtask bench`: peers side by side in one run, ratios printed.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::{browsers, build, node, step, wasm};

/// A benchmark.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Which {
    /// What `track` and `init` cost a page, in a real Chromium
    Client,
    /// What a durable answer costs the server, beside Node with PostgreSQL, a bare hello and the disk's own sync time
    Server,
    /// How fast a backlog leaves for a sink, beside the same requests prepared in advance
    Sinks,
}

/// Builds what is measured and runs the benchmark.
pub(crate) fn run(root: &Path, which: Which, args: &[String]) -> Result<()> {
    build::run(root)?;
    let server = wasm::target(root).join("release/lamplight");
    match which {
        Which::Client => step::run(
            "client benchmark",
            node::node(&root.join("bench/client"))
                .env("LAMPLIGHT_CHROMIUM", browsers::chromium()?.browser)
                .env("LAMPLIGHT_BIN", server)
                .arg("client.mjs")
                .args(args),
        ),
        Which::Server => step::run("server benchmark", bench(root, &server).args(args)),
        Which::Sinks => {
            step::run("sinks benchmark", bench(root, &server).args(["--only", "sinks"]).args(args))
        }
    }
}

fn bench(root: &Path, server: &Path) -> Command {
    let mut command = step::cargo(root);
    command.env("LAMPLIGHT_BIN", server).args([
        "run",
        "--release",
        "--quiet",
        "--package",
        "lamplight-bench",
        "--",
    ]);
    command
}
