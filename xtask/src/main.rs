//! The developer commands. `cargo xtask --help` lists them.
#![forbid(unsafe_code)]
// This program talks to the person at the terminal.
#![allow(clippy::print_stdout)]

use anyhow::Result;
use clap::{Parser, Subcommand};

mod address;
mod bench;
mod browsers;
mod build;
mod cargo_tool;
mod check;
mod cluster;
mod demo;
mod dependencies;
mod docs;
mod example;
mod last_lines;
mod memory;
mod nats;
mod node;
mod package;
mod postgres;
mod programs;
mod python;
mod release;
mod report;
mod rust_target;
mod service_tools;
mod size;
mod snippets;
mod stamp;
mod test;
mod toolchain;
mod torture;
mod wasm;
mod windows;
mod workspace;

use workspace::Workspace;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Lamplight's developer commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything, and run a server with the demo page, which tries to lose events
    Demo {
        /// Arguments for `lamplight demo`, such as `--listen 127.0.0.1:9000`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Build everything, and run an example with a server for its events
    Example {
        /// The example to run
        #[arg(value_enum)]
        example: example::Example,
    },
    /// Build everything, and run a cluster on this machine, without containers: three NATS nodes,
    /// two PostgreSQL shards with a synchronous standby each, two servers and a load balancer
    Cluster {
        #[command(flatten)]
        faults: cluster::Faults,
        /// Arguments for the cluster: `--shards 3`, `--servers 3`, `--without-nats`, and
        /// `--only <text>` for the faults whose names have it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Build the npm package (npm/dist), the demo page and the server (target/release/lamplight)
    Build,
    /// Run the tests: everything that proves that the project works, browsers included
    Test {
        /// Run only what needs no browser, in its short form: for the loop of editing and testing
        #[arg(long, conflicts_with_all = ["only", "engine"])]
        fast: bool,
        /// Run only this part (repeatable)
        #[arg(long, value_enum)]
        only: Vec<test::Part>,
        /// Run browser tests only in this engine (repeatable). Default: every engine of this system
        #[arg(long, value_enum)]
        engine: Vec<browsers::Engine>,
    },
    /// Check formatting, lints, documentation, dependencies, types and the repository's own rules
    Check,
    /// Build the documentation's site (target/docs). A link that leads nowhere fails
    Docs {
        /// Serve the site on this machine when it is built, on a free port
        #[arg(long)]
        open: bool,
    },
    /// Run the long forms of the tests, for hours: tabs and servers killed hundreds of times,
    /// thousands of simulated worlds
    Torture(torture::Extent),
    /// Print what a page downloads, in brotli bytes, entry by entry
    Size,
    /// Build everything, and pack the npm packages as they would be published, in target/packages
    Package {
        /// The target to build the server for, such as x86_64-unknown-linux-musl for a static
        /// binary. Default: this system
        #[arg(long, value_name = "TRIPLE")]
        target: Option<String>,
    },
    /// Set a version in every file that has it, and cut the changelog. Neither commits nor pushes
    Release {
        /// The version to release, such as 0.2.0
        version: String,
    },
    /// Run a benchmark and print its ratios, or generate the page of published results
    Bench {
        /// The benchmark to run
        #[arg(value_enum)]
        benchmark: bench::Benchmark,
        /// Arguments for the benchmark, such as `--rows 50000000` for the server's, or
        /// `--base <dist>` for the client's, which compares with another build
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> Result<()> {
    let workspace = &Workspace::find()?;
    match Cli::parse().command {
        Command::Demo { args } => demo::run(workspace, &args),
        Command::Cluster { faults, args } => cluster::run(workspace, &faults, &args),
        Command::Example { example } => example::run(workspace, example),
        Command::Build => build::run(workspace),
        Command::Test { fast: true, .. } => test::run_fast(workspace),
        Command::Test { only, engine, .. } => test::run(workspace, &only, &engine),
        Command::Check => check::run(workspace),
        Command::Docs { open } => docs::run(workspace, open),
        Command::Torture(extent) => torture::run(workspace, &extent),
        Command::Size => size::run(workspace),
        Command::Package { target } => package::run(workspace, target.as_deref()),
        Command::Release { version } => release::run(workspace, &version),
        Command::Bench { benchmark, args } => bench::run(workspace, benchmark, &args),
    }
}
