//! The developer commands. `cargo xtask --help` lists them.
#![forbid(unsafe_code)]
// Talking to the person at the terminal is what this program is for.
#![allow(clippy::print_stdout)]

use std::path::Path;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

mod bench;
mod browsers;
mod build;
mod check;
mod demo;
mod documentation;
mod example;
mod node;
mod programs;
mod rust_target;
mod size;
mod step;
mod test;
mod torture;
mod translated;
mod wasm;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Lamplight's developer commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the SDK and the server, start the server on the embedded database and serve the demo page
    Demo {
        /// Arguments for `lamplight demo`, such as `--listen 127.0.0.1:9000`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Build the SDK and the server, and run one of the examples with a server for its events
    Example {
        /// Which one
        #[arg(value_enum)]
        which: example::Example,
    },
    /// Run everything that proves the project works, browsers included
    Test {
        /// Run only this part; may be given several times
        #[arg(long, value_enum)]
        only: Vec<test::Part>,
        /// Run browser tests only in this engine; may be given several times. Default: all that this system has
        #[arg(long, value_enum)]
        engine: Vec<browsers::Engine>,
    },
    /// Run the long forms of the proofs, for hours of doubt: tabs and servers killed hundreds of times, thousands of
    /// simulated worlds. Prints a table of what was counted
    Torture(torture::Extent),
    /// Build the npm package into npm/dist, the demo page, and the server at target/release/lamplight
    Build,
    /// Check formatting, lints, documentation, types and the repository's own rules
    Check,
    /// Print what a page downloads, in brotli bytes, entry by entry
    Size,
    /// Run a benchmark and print its ratios
    Bench {
        /// Which one
        #[arg(value_enum)]
        which: bench::Which,
        /// Arguments for it, such as `--rows 50000000` for the server's
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("failed to find the workspace: xtask has no parent folder")?;
    match Cli::parse().command {
        Command::Demo { args } => demo::run(root, &args),
        Command::Example { which } => example::run(root, which),
        Command::Test { only, engine } => test::run(root, &only, &engine),
        Command::Torture(extent) => torture::run(root, &extent),
        Command::Build => build::run(root),
        Command::Check => check::run(root),
        Command::Size => size::run(root),
        Command::Bench { which, args } => bench::run(root, which, &args),
    }
}
