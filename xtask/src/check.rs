//! `cargo xtask check`: everything that can be told without running the product.

use anyhow::Result;

use crate::report::Report;
use crate::workspace::Workspace;
use crate::{dependencies, node, rust_target, windows};

/// Checks formatting, lints, documentation, dependencies, types and the repository's own rules.
/// Every check runs, whichever of them fail.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    rust_target::ensure(workspace)?;
    node::ensure(workspace)?;
    let mut report = Report::default();
    rust(workspace, &mut report);
    report.run("lints for Windows", || windows::lint(workspace));
    report.run("dependencies", || dependencies::check(workspace));
    npm(workspace, &mut report);
    report.finish("checks")
}

fn rust(workspace: &Workspace, report: &mut Report) {
    let mut cargo = |name: &str, args: &[&[&str]]| {
        let mut cargo = workspace.cargo();
        cargo.env("RUSTDOCFLAGS", "-D warnings").args(args.concat());
        report.run(name, || workspace.run(name, &mut cargo));
    };
    let deny_warnings = ["--", "-D", "warnings"];
    // wasm-bindgen's commands are other people's code, and take minutes to build.
    let workspace_crates = ["--workspace", "--exclude", "lamplight-bindgen-cli", "--all-features"];
    let browser_module = ["--package", "lamplight-sdk", "--target", rust_target::WASM];
    cargo("formatting of Rust", &[&["fmt", "--all", "--check"]]);
    cargo("lints of Rust", &[&["clippy"], &workspace_crates, &["--all-targets"], &deny_warnings]);
    cargo(
        "lints of the full client",
        &[&["clippy"], &browser_module, &["--all-targets"], &deny_warnings],
    );
    cargo(
        "lints of the first client",
        &[&["clippy"], &browser_module, &["--no-default-features", "--lib"], &deny_warnings],
    );
    cargo(
        "documentation of Rust",
        &[&["doc"], &workspace_crates, &["--no-deps", "--document-private-items"]],
    );
}

fn npm(workspace: &Workspace, report: &mut Report) {
    let mut script = |name: &str, args: &[&str]| {
        let mut npm = workspace.npm();
        npm.args(["run", "--silent"]).args(args);
        report.run(name, || workspace.run(name, &mut npm));
    };
    script("formatting and lints of TypeScript, JavaScript and CSS", &["lint"]);
    // The other workspaces are checked against the package's declarations, which a fresh clone has
    // not built.
    script("declarations of npm", &["types", "--workspace", "npm"]);
    for folder in ["npm", "www", "tests"] {
        script(&format!("types of {folder}"), &["check", "--workspace", folder]);
    }
    script("API reference", &["reference", "--workspace", "npm", "--", "--check"]);
    script("rules of the repository", &["tidy", "--workspace", "tests"]);
}
