//! `cargo xtask test`: everything that proves the project works.

use std::path::Path;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::{browsers, build, node, rust_target, step, wasm};

/// A part of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The Rust suites: contract, SDK core with its simulation, server
    Rust,
    /// The browser module's own tests, in headless Chromium
    Wasm,
    /// The tests of the npm package and of the demo page, in Node
    Npm,
    /// Real tabs of a real Chromium against the real server
    EndToEnd,
}

impl Part {
    const ALL: [Self; 4] = [Self::Rust, Self::Wasm, Self::Npm, Self::EndToEnd];

    fn run(self, root: &Path) -> Result<()> {
        match self {
            Self::Rust => rust(root),
            Self::Wasm => wasm_in_chromium(root),
            Self::Npm => npm(root),
            Self::EndToEnd => end_to_end(root),
        }
    }
}

/// Runs the named parts, or all; says at the end which failed.
pub(crate) fn run(root: &Path, only: &[Part]) -> Result<()> {
    let parts = if only.is_empty() { &Part::ALL[..] } else { only };
    if parts != [Part::Rust] {
        build::run(root)?;
    }
    let mut failed = Vec::new();
    for part in parts {
        if let Err(error) = part.run(root) {
            println!("\n{error:#}");
            failed.push(format!("{part:?}"));
        }
    }
    println!("\nparts: {} passed, {} failed", parts.len() - failed.len(), failed.len());
    if !failed.is_empty() {
        bail!("these parts failed: {}", failed.join(", "));
    }
    Ok(())
}

fn rust(root: &Path) -> Result<()> {
    step::run(
        "Rust suites",
        step::cargo(root).args([
            "test",
            "--workspace",
            "--exclude",
            "lamplight-bindgen",
            "--all-features",
        ]),
    )
}

fn wasm_in_chromium(root: &Path) -> Result<()> {
    rust_target::ensure(root)?;
    let chromium = browsers::chromium()?;
    let runner = wasm::bindgen_tools(root)?.join("wasm-bindgen-test-runner");
    step::run(
        "browser module in headless Chromium",
        step::cargo(root)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
            .env("CHROMEDRIVER", chromium.driver)
            .args(["test", "--package", "lamplight-sdk", "--target", rust_target::WASM]),
    )
}

fn npm(root: &Path) -> Result<()> {
    step::run("npm package", node::npm(root).args(["test", "--workspace", "npm"]))?;
    step::run("demo page", node::npm(root).args(["test", "--workspace", "www"]))
}

fn end_to_end(root: &Path) -> Result<()> {
    let chromium = browsers::chromium()?;
    step::run(
        "end to end",
        node::npm(root)
            .env("LAMPLIGHT_CHROMIUM", chromium.browser)
            .env("LAMPLIGHT_BIN", wasm::target(root).join("release/lamplight"))
            .args(["test", "--workspace", "tests"]),
    )
}
