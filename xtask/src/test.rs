//! `cargo xtask test`: everything that proves the project works.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::browsers::{self, Engine};
use crate::{build, documentation, node, rust_target, size, step, wasm};

/// A part of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The Rust suites: contract, SDK core with its simulation, server
    Rust,
    /// The browser module's own tests, in headless Chromium and Firefox
    Wasm,
    /// The tests of the npm package and of the demo page, in Node
    Npm,
    /// Real tabs of real browsers against the real server
    EndToEnd,
    /// The packed npm package, installed and run with bundlers and frameworks, and the examples
    Packaging,
}

impl Part {
    const ALL: [Self; 5] = [Self::Rust, Self::Wasm, Self::Npm, Self::EndToEnd, Self::Packaging];

    fn run(self, root: &Path, engines: &[Engine]) -> Result<()> {
        match self {
            Self::Rust => rust(root),
            Self::Wasm => wasm_in_browsers(root, engines),
            Self::Npm => npm(root),
            Self::EndToEnd => end_to_end(root, engines, Form::Short),
            Self::Packaging => packaging(root),
        }
    }
}

/// Runs the named parts in the named engines, or all; says at the end which failed.
pub(crate) fn run(root: &Path, only: &[Part], engines: &[Engine]) -> Result<()> {
    let parts = if only.is_empty() { &Part::ALL[..] } else { only };
    let engines = if engines.is_empty() { Engine::all() } else { engines };
    // Before anything is built: what is missing and cannot be installed is said at once.
    if parts.contains(&Part::EndToEnd) {
        environment(engines)?;
        documentation(engines)?;
    } else if parts.contains(&Part::Packaging) {
        environment(&[Engine::Chromium])?;
    }
    if parts != [Part::Rust] {
        build::run(root)?;
    }
    let mut failed = Vec::new();
    for part in parts {
        if let Err(error) = part.run(root, engines) {
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

fn wasm_in_browsers(root: &Path, engines: &[Engine]) -> Result<()> {
    rust_target::ensure(root)?;
    let runner = wasm::bindgen_tools(root)?.join("wasm-bindgen-test-runner");
    for engine in engines {
        let (variable, driver) = match engine {
            Engine::Chromium => ("CHROMEDRIVER", browsers::chromium()?.driver),
            Engine::Firefox => {
                browsers::firefox()?;
                ("GECKODRIVER", browsers::geckodriver(root)?)
            }
            // The test runner drives no WebKitGTK; the scenarios do.
            Engine::Webkit => continue,
        };
        step::run(
            &format!("browser module in headless {}", engine.name()),
            step::cargo(root)
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", &runner)
                // The first driver that is named is taken.
                .env_remove("CHROMEDRIVER")
                .env_remove("GECKODRIVER")
                .env(variable, driver)
                .args(["test", "--package", "lamplight-sdk", "--target", rust_target::WASM]),
        )?;
    }
    Ok(())
}

fn npm(root: &Path) -> Result<()> {
    step::run("npm package", node::npm(root).args(["test", "--workspace", "npm"]))?;
    step::run("demo page", node::npm(root).args(["test", "--workspace", "www"]))?;
    // The limits are those of what is published.
    if rust_target::has_source(root) {
        size::weigh(root, &wasm::modules(root))?;
    }
    Ok(())
}

/// Runs the packed package where its users do.
fn packaging(root: &Path) -> Result<()> {
    step::run(
        "packaging",
        node::npm(root)
            .env("LAMPLIGHT_BIN", wasm::target(root).join("release/lamplight"))
            .envs(environment(&[Engine::Chromium])?)
            .args(["run", "--silent", "packaging", "--workspace", "tests"]),
    )
}

/// How long scenarios go on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// All of them, in minutes
    Short,
    /// Those that have a long form, in it
    Full,
}

/// Runs the scenarios in `engines`.
pub(crate) fn end_to_end(root: &Path, engines: &[Engine], form: Form) -> Result<()> {
    let mut scenarios = node::npm(root);
    let script = match form {
        Form::Short => {
            scenarios.envs(documentation(engines)?);
            "test"
        }
        Form::Full => {
            scenarios.env("LAMPLIGHT_FORM", "full");
            "torture"
        }
    };
    scenarios.env("LAMPLIGHT_BIN", wasm::target(root).join("release/lamplight"));
    scenarios.envs(environment(engines)?);
    scenarios.args(["run", "--silent", script, "--workspace", "tests", "--"]);
    scenarios.args(engines.iter().map(|engine| format!("--project={}", engine.name())));
    step::run("end to end", &mut scenarios)
}

/// Finds or installs the browsers; says by which variables the scenarios find them.
pub(crate) fn environment(engines: &[Engine]) -> Result<Vec<(&'static str, PathBuf)>> {
    let found = engines.iter().map(|engine| engine.ensure()).collect::<Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// Finds or installs what the documentation's snippets are run with, if the browser is among `engines` in which they run.
fn documentation(engines: &[Engine]) -> Result<Vec<(&'static str, PathBuf)>> {
    if engines.contains(&Engine::Chromium) { documentation::environment() } else { Ok(Vec::new()) }
}
