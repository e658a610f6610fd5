//! `cargo xtask bench`: compares with peers in one run, and prints the ratios.

use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::programs::{install, on_path};
use crate::workspace::Workspace;
use crate::{browsers, build, nats, node, postgres};

/// A benchmark.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Benchmark {
    /// What the SDK costs a page in a real Chromium, alone and beside SDKs of vendors, and which
    /// events each of them loses
    Client,
    /// What an event costs the server, beside Node with PostgreSQL, `InfluxDB`, `JetStream` and a
    /// bare hello. A few minutes, or hours with `--full`. With `--store postgres`, the server
    /// stores in PostgreSQL. With `--only cluster`, it runs on nodes of NATS and several databases
    Server,
    /// How fast a backlog is delivered to a sink, beside the same requests prepared in advance
    Sinks,
    /// Measures nothing: generates docs/benchmarks.md from bench/published. `--publish` takes the
    /// results of this machine's last runs before, `--check` fails if the page is out of date
    Report,
}

/// Builds what is measured and runs the benchmark.
pub(crate) fn run(workspace: &Workspace, benchmark: Benchmark, args: &[String]) -> Result<()> {
    if !matches!(benchmark, Benchmark::Report) {
        build::run(workspace)?;
    }
    match benchmark {
        Benchmark::Client => workspace.run(
            "client benchmark",
            workspace
                .node("bench/client")
                .env("LAMPLIGHT_CHROMIUM", browsers::chromium(workspace)?.browser)
                .env("LAMPLIGHT_BIN", workspace.server())
                .arg("client.mjs")
                .args(args),
        ),
        Benchmark::Server => {
            node::ensure(workspace)?;
            let mut native = native(workspace);
            native.env(postgres::FOLDER, postgres::newest(workspace)?);
            native.envs(nats::environment(workspace)?);
            // The benchmark leaves it out if there is no package of it.
            if on_path("influxd").is_none()
                && let Err(error) = install(workspace, "InfluxDB", &["influxdb"])
            {
                println!("without InfluxDB: {error:#}");
            }
            workspace.run("server benchmark", native.args(args))
        }
        Benchmark::Sinks => {
            let mut native = native(workspace);
            workspace.run("sinks benchmark", native.args(["--only", "sinks"]).args(args))
        }
        Benchmark::Report => {
            node::version(workspace)?;
            let mut node = workspace.node("bench/report");
            workspace.run("benchmark report", node.arg("main.mjs").args(args))
        }
    }
}

/// The benchmarks that are written in Rust.
fn native(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.env("LAMPLIGHT_BIN", workspace.server());
    cargo.args(["run", "--release", "--quiet", "--package", "lamplight-bench", "--"]);
    cargo
}
