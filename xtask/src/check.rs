//! `cargo xtask check`: what can be told without running anything.

use std::path::Path;

use anyhow::Result;

use crate::{node, rust_target, step};

/// Formatting, lints on both targets, documentation, types, and the repository's own rules.
pub(crate) fn run(root: &Path) -> Result<()> {
    rust_target::ensure(root)?;
    node::ensure(root)?;
    step::run("formatting", step::cargo(root).args(["fmt", "--all", "--check"]))?;
    step::run(
        "lints",
        step::cargo(root)
            .args(["clippy", "--workspace", "--exclude", "lamplight-bindgen", "--all-features"])
            .args(["--all-targets", "--", "-D", "warnings"]),
    )?;
    step::run(
        "lints of the whole browser module",
        step::cargo(root)
            .args(["clippy", "--package", "lamplight-sdk", "--target", rust_target::WASM])
            .args(["--all-targets", "--", "-D", "warnings"]),
    )?;
    step::run(
        "lints of the browser module that a page begins with",
        step::cargo(root)
            .args(["clippy", "--package", "lamplight-sdk", "--target", rust_target::WASM])
            .args(["--no-default-features", "--lib", "--", "-D", "warnings"]),
    )?;
    step::run(
        "documentation",
        step::cargo(root)
            .env("RUSTDOCFLAGS", "-D warnings")
            .args(["doc", "--workspace", "--exclude", "lamplight-bindgen", "--no-deps"])
            .args(["--all-features", "--document-private-items"]),
    )?;
    step::run(
        "formatting and lints of TypeScript, JavaScript and CSS",
        node::npm(root).args(["run", "--silent", "lint"]),
    )?;
    // The other workspaces are checked against the package's declarations, which a fresh clone has not built.
    step::run(
        "declarations of npm",
        node::npm(root).args(["run", "--silent", "types", "--workspace", "npm"]),
    )?;
    for workspace in ["npm", "www", "tests"] {
        step::run(
            &format!("types of {workspace}"),
            node::npm(root).args(["run", "--silent", "check", "--workspace", workspace]),
        )?;
    }
    step::run(
        "API reference",
        node::npm(root).args([
            "run",
            "--silent",
            "reference",
            "--workspace",
            "npm",
            "--",
            "--check",
        ]),
    )?;
    step::run(
        "the repository's rules",
        node::npm(root).args(["run", "--silent", "tidy", "--workspace", "tests"]),
    )?;
    println!("\nall checks hold");
    Ok(())
}
