//! `cargo xtask test`: everything that proves that the project works.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::browsers::{self, Engine};
use crate::report::Report;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{
    build, cluster, memory, nats, node, postgres, python, rust_target, service_tools, size,
    snippets, wasm,
};

/// A part of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The Rust suites: contract, SDK core with its simulation, server
    Rust,
    /// The tests of the server's SQL on PostgreSQL, with its oldest version. Those of the part
    /// `rust` use the newest
    #[value(name = "postgres-15")]
    OldestPostgres,
    /// The browser module's own tests, in headless Chromium and Firefox
    Wasm,
    /// The tests of the npm package, of the demo page and of the client benchmark, in Node
    Npm,
    /// Real tabs of real browsers against the real server
    EndToEnd,
    /// The packed npm packages, installed and run with bundlers and frameworks, the examples, the
    /// systemd unit, and the files of the cluster
    Packaging,
    /// The HTTP API, compared by a fuzzer with the document that describes it
    Api,
}

impl Part {
    const ALL: [Self; 7] = [
        Self::Rust,
        Self::OldestPostgres,
        Self::Wasm,
        Self::Npm,
        Self::EndToEnd,
        Self::Packaging,
        Self::Api,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::OldestPostgres => "postgres-15",
            Self::Wasm => "wasm",
            Self::Npm => "npm",
            Self::EndToEnd => "end-to-end",
            Self::Packaging => "packaging",
            Self::Api => "api",
        }
    }

    fn run(self, workspace: &Workspace, engines: &[Engine]) -> Result<()> {
        match self {
            Self::Rust => rust(workspace, Form::Full),
            Self::OldestPostgres => oldest_postgres(workspace, Form::Short),
            Self::Wasm => wasm_in_browsers(workspace, engines),
            Self::Npm => npm(workspace),
            Self::EndToEnd => end_to_end(workspace, engines, Form::Short),
            Self::Packaging => packaging(workspace),
            Self::Api => api(workspace, Form::Short),
        }
    }
}

/// How long the tests that can be repeated at will go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Short,
    Full,
}

/// How much `cargo xtask test --fast` asks of the tests that repeat something with random input.
const FAST_EXTENT: [(&str, &str); 6] = [
    ("LAMPLIGHT_SIM_SEEDS", "3"),
    ("LAMPLIGHT_DELIVER_SEEDS", "5"),
    ("LAMPLIGHT_POWER_CUTS", "5"),
    ("LAMPLIGHT_KILL_ROUNDS", "1"),
    ("LAMPLIGHT_AMBIGUOUS", "50"),
    ("PROPTEST_CASES", "32"),
];

/// Parts of the names of tests that `cargo xtask test --fast` leaves out: those that wait for a
/// timeout, those that exhaust a state space, databases of every earlier version, and those that
/// show that the simulation finds faults.
const FAST_SKIPPED: [&str; 7] = [
    "after_30_s",
    "after_10_s",
    "without_end",
    "lock_interleavings",
    "upgrade::",
    "detected",
    "measurably_more",
];

/// Parts of the names of tests that break things around PostgreSQL, whose versions differ in their
/// SQL. `cargo xtask torture` runs these tests with the oldest version, too.
const NEWEST_POSTGRES_ONLY: [&str; 6] = [
    "postgres_faults::",
    "shards::",
    "several_servers::",
    "_cut_",
    "_are_cut",
    "lose_their_connections",
];

/// Runs the named parts in the named engines, or all of them. Every part runs, whichever fail.
pub(crate) fn run(workspace: &Workspace, only: &[Part], engines: &[Engine]) -> Result<()> {
    let parts = if only.is_empty() { &Part::ALL[..] } else { only };
    let engines = if engines.is_empty() { Engine::all() } else { engines };
    // Before anything is built: what is missing and cannot be installed is said at once.
    if parts.contains(&Part::EndToEnd) {
        browsers(workspace, engines)?;
        snippets(workspace, engines)?;
    } else if parts.contains(&Part::Packaging) {
        browsers(workspace, &[Engine::Chromium])?;
    }
    if parts.contains(&Part::Packaging) {
        service_tools::ensure(workspace)?;
        deployment(workspace)?;
    }
    if parts.contains(&Part::Api) {
        python::API.ensure(workspace)?;
    }
    if parts.contains(&Part::Rust) {
        // The server's peers in the benchmark are tested, too.
        node::ensure(workspace)?;
        postgres::newest(workspace)?;
        nats::environment(workspace)?;
    }
    if parts.contains(&Part::OldestPostgres) {
        postgres::clients(workspace, &postgres::oldest(workspace)?)?;
    }
    if parts.iter().any(|part| !matches!(part, Part::Rust | Part::OldestPostgres)) {
        build::run(workspace)?;
    }
    let mut report = Report::default();
    for part in parts {
        report.run(part.name(), || part.run(workspace, engines));
    }
    report.finish("parts")
}

/// Runs what needs neither a browser nor the release build of the server, in its short form.
pub(crate) fn run_fast(workspace: &Workspace) -> Result<()> {
    build::package(workspace)?;
    let mut report = Report::default();
    report.run("rust", || rust(workspace, Form::Short));
    report.run("npm", || npm(workspace));
    report.run("rules", || {
        let mut npm = workspace.npm();
        npm.args(["run", "--silent", "tidy", "--workspace", "tests"]);
        workspace.run("rules of the repository", &mut npm)
    });
    report.finish("parts")
}

/// `cargo test` of everything that is ours, with the PostgreSQL in this folder.
pub(crate) fn cargo_test(workspace: &Workspace, postgres: &Path) -> Command {
    let mut cargo = workspace.cargo();
    cargo.env(postgres::FOLDER, postgres);
    cargo.envs(memory::temporary_files(workspace));
    cargo.args(["test", "--workspace", "--exclude", "lamplight-bindgen-cli", "--all-features"]);
    cargo
}

/// Lets this many tests run at a time for each processor. Most tests of the server wait for sockets
/// and timers.
fn threads(for_each: usize) -> String {
    format!("--test-threads={}", for_each * processors())
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn rust(workspace: &Workspace, form: Form) -> Result<()> {
    let mut cargo = cargo_test(workspace, &postgres::newest(workspace)?);
    cargo.envs(nats::environment(workspace)?);
    match form {
        Form::Short => {
            cargo.args(["--exclude", "lamplight-bindgen", "--exclude", "lamplight-bench"]);
            cargo.arg("--tests").envs(FAST_EXTENT).args(["--", &threads(4)]);
            cargo.args(FAST_SKIPPED.iter().flat_map(|name| ["--skip", *name]));
        }
        Form::Full => {
            cargo.args(["--", &threads(2)]);
        }
    }
    workspace.run("Rust suites", &mut cargo)
}

/// The tests that use PostgreSQL, with its oldest version.
pub(crate) fn oldest_postgres(workspace: &Workspace, form: Form) -> Result<()> {
    let programs = postgres::oldest(workspace)?;
    let mut cargo = cargo_test(workspace, &programs);
    cargo.env(postgres::CLIENTS, postgres::clients(workspace, &programs)?);
    // All test programs, as in the part `rust`: for some alone, Cargo compiles dependencies again.
    cargo.args(["--tests", "--", "postgres", &threads(2)]);
    if form == Form::Short {
        cargo.args(NEWEST_POSTGRES_ONLY.iter().flat_map(|name| ["--skip", *name]));
    }
    workspace.run("tests with PostgreSQL 15", &mut cargo)
}

fn wasm_in_browsers(workspace: &Workspace, engines: &[Engine]) -> Result<()> {
    rust_target::ensure(workspace)?;
    let runner = wasm::bindgen_cli(workspace)?;
    for engine in engines {
        let (variable, driver) = match engine {
            Engine::Chromium => ("CHROMEDRIVER", browsers::chromium(workspace)?.driver),
            Engine::Firefox => {
                browsers::firefox(workspace)?;
                ("GECKODRIVER", browsers::geckodriver(workspace)?)
            }
            // The test runner drives no WebKitGTK; the scenarios do.
            Engine::Webkit => continue,
        };
        workspace.run(
            &format!("browser module in headless {}", engine.name()),
            workspace
                .cargo()
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", &runner)
                // The runner takes the first driver that a variable names.
                .env_remove("CHROMEDRIVER")
                .env_remove("GECKODRIVER")
                .env(variable, driver)
                .args(["test", "--package", "lamplight-sdk", "--target", rust_target::WASM]),
        )?;
    }
    Ok(())
}

fn npm(workspace: &Workspace) -> Result<()> {
    let toolchain = Toolchain::ensure(workspace)?;
    for (name, folder) in [
        ("tests of the npm package", "npm"),
        ("tests of the demo page", "www"),
        ("tests of the client benchmark", "bench/client-peers"),
    ] {
        workspace.run(name, workspace.npm().args(["test", "--workspace", folder]))?;
    }
    // The limits are those of what is published.
    if toolchain.has_std_source {
        size::weigh(workspace, &toolchain)?;
    }
    Ok(())
}

/// Runs the packed package where its users do.
fn packaging(workspace: &Workspace) -> Result<()> {
    workspace.run(
        "packaging",
        workspace
            .npm()
            .env("LAMPLIGHT_BIN", workspace.server())
            .envs(browsers(workspace, &[Engine::Chromium])?)
            .envs(deployment(workspace)?)
            .args(["run", "--silent", "packaging", "--workspace", "tests"]),
    )
}

/// What checks the files of the cluster and runs them. These tests run on Linux only.
fn deployment(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>> {
    if !cfg!(target_os = "linux") {
        return Ok(Vec::new());
    }
    let mut variables = cluster::environment(workspace)?.to_vec();
    variables.extend(cluster::clock(workspace)?);
    variables.push(("TEST_MANIFESTS", python::MANIFESTS.programs(workspace)?));
    Ok(variables)
}

/// Compares the release build of the server with the document that describes its API.
pub(crate) fn api(workspace: &Workspace, form: Form) -> Result<()> {
    let python = python::API.ensure(workspace)?;
    let mut npm = workspace.npm();
    npm.env("LAMPLIGHT_BIN", workspace.server()).env("LAMPLIGHT_PYTHON", python);
    if form == Form::Full {
        npm.env("LAMPLIGHT_API_SECONDS", "900");
    }
    workspace.run("API", npm.args(["run", "--silent", "api", "--workspace", "tests"]))
}

/// Runs the scenarios in `engines`: all of them, or those that have a full form in that.
pub(crate) fn end_to_end(workspace: &Workspace, engines: &[Engine], form: Form) -> Result<()> {
    // Scenarios mostly wait: two workers leave a third of two processors idle. Each worker has its
    // own browser, whose processes they count. The full form counts on having the machine alone.
    let workers = if form == Form::Short { 1 + processors() } else { 1 };
    scenarios(workspace, engines, form, workers)?;
    if form == Form::Short && engines.contains(&Engine::Chromium) {
        losses_beside_peers(workspace)?;
    }
    Ok(())
}

/// Counts the events that Lamplight and a peer lose in some scenarios of the client benchmark.
fn losses_beside_peers(workspace: &Workspace) -> Result<()> {
    let mut npm = workspace.npm();
    npm.env("LAMPLIGHT_BIN", workspace.server());
    npm.envs(browsers(workspace, &[Engine::Chromium])?);
    npm.args(["run", "--silent", "losses", "--workspace", "bench/client-peers"]);
    workspace.run("losses beside a peer", &mut npm)
}

/// Runs scenarios in `engines`, this many at a time.
fn scenarios(workspace: &Workspace, engines: &[Engine], form: Form, workers: usize) -> Result<()> {
    let mut scenarios = workspace.npm();
    let script = match form {
        Form::Short => {
            scenarios.envs(snippets(workspace, engines)?);
            "test"
        }
        Form::Full => {
            scenarios.env("LAMPLIGHT_FORM", "full");
            "torture"
        }
    };
    scenarios.env("LAMPLIGHT_BIN", workspace.server());
    scenarios.envs(browsers(workspace, engines)?);
    scenarios.args(["run", "--silent", script, "--workspace", "tests", "--"]);
    scenarios.arg(format!("--workers={workers}"));
    scenarios.args(engines.iter().map(|engine| format!("--project={}", engine.name())));
    let names: Vec<_> = engines.iter().map(|engine| engine.name()).collect();
    workspace.run(&format!("end to end in {}", names.join(" and ")), &mut scenarios)
}

/// Finds or installs the browsers, and returns the variables by which the scenarios find them.
pub(crate) fn browsers(
    workspace: &Workspace,
    engines: &[Engine],
) -> Result<Vec<(&'static str, PathBuf)>> {
    let found =
        engines.iter().map(|engine| engine.ensure(workspace)).collect::<Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// Finds or installs what the documentation's snippets run with, if `engines` has the browser in
/// which they run.
fn snippets(workspace: &Workspace, engines: &[Engine]) -> Result<Vec<(&'static str, PathBuf)>> {
    if engines.contains(&Engine::Chromium) {
        snippets::environment(workspace)
    } else {
        Ok(Vec::new())
    }
}
