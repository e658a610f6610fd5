//! The browser modules: Rust → wasm-bindgen → wasm-opt. There are two: the one that a page begins with, and the whole one,
//! which there is in JavaScript as well.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{node, rust_target, step, translated};

/// The modules' folders, and what of the crate is in each.
const MODULES: [(&str, &[&str]); 2] = [("first", &["--no-default-features"]), ("full", &[])];

/// Nothing that a page would have to download without need.
pub(crate) const STRIPPED: [&str; 3] =
    ["--strip-debug", "--strip-producers", "--strip-target-features"];

/// How the modules are compiled. What is inlined early, while it is known what the parts are, compresses best: measured with thresholds from
/// 10 to 200, and for LLVM's own inlining from 0 to 225.
const FLAGS: [&str; 7] = [
    "-Zunstable-options",
    "-Cpanic=immediate-abort",
    "-Zlocation-detail=none",
    "-Zinline-mir=yes",
    "-Zinline-mir-threshold=100",
    "-Zinline-mir-hint-threshold=100",
    "-Cllvm-args=-disable-lsr",
];

/// Builds the modules and leaves each, with its JavaScript, in a folder of the returned one.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    rust_target::ensure(root)?;
    let has_source = rust_target::ensure_source(root);
    node::ensure(root)?;
    let tools = bindgen_tools(root)?;
    let out = modules(root);
    for (name, features) in MODULES {
        let folder = out.join(name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("failed to create {}", folder.display()))?;
        module(root, &tools, &folder, features, has_source)
            .with_context(|| format!("failed to build the {name} browser module"))?;
    }
    // Compiled last was the whole one.
    translated::build(root, &tools, &compiled(root), &out.join("translated"))
        .context("failed to build the browser module that becomes JavaScript")?;
    Ok(out)
}

fn module(
    root: &Path,
    tools: &Path,
    out: &Path,
    features: &[&str],
    has_source: bool,
) -> Result<()> {
    let mut cargo = step::cargo(root);
    cargo
        // Nothing but the module: a library for Rust beside it would keep the two from being optimised as one with what they use.
        .args(["rustc", "--package", "lamplight-sdk", "--lib", "--crate-type", "cdylib"])
        .args(["--target", rust_target::WASM, "--profile", "wasm", "--target-dir"])
        .arg(folder(root))
        .args(features);
    if has_source {
        // The standard library without its texts for panics, which were a tenth of what a page downloads. And no places in
        // sources, which would name folders of whoever built it. All of it is unstable, so it is used here and nowhere else.
        cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
        cargo.env("RUSTFLAGS", FLAGS.join(" "));
    }
    step::run("build a browser module", &mut cargo)?;
    bindgen(tools, &compiled(root), out)?;
    // As built, with the names of its functions: `cargo xtask size` says what takes the bytes.
    let module = out.join("lamplight_sdk_bg.wasm");
    let named = out.join("named.wasm");
    std::fs::copy(&module, &named)
        .with_context(|| format!("failed to copy {}", module.display()))?;
    optimise(root, &named, &["--debuginfo"])?;
    optimise(root, &module, &STRIPPED)
}

/// The folder that the modules are left in.
pub(crate) fn modules(root: &Path) -> PathBuf {
    target(root).join("browser-module")
}

/// Cargo's output folder for the modules. One of its own: their flags are for nothing else that is built.
fn folder(root: &Path) -> PathBuf {
    target(root).join("browser")
}

/// The module that was compiled last.
fn compiled(root: &Path) -> PathBuf {
    folder(root).join(rust_target::WASM).join("wasm/lamplight_sdk.wasm")
}

/// Has wasm-bindgen make a module and its JavaScript of what was compiled.
pub(crate) fn bindgen(tools: &Path, compiled: &Path, out: &Path) -> Result<()> {
    step::run(
        "write its JavaScript",
        Command::new(tools.join("wasm-bindgen"))
            .arg(compiled)
            .args(["--target", "web", "--no-typescript", "--out-dir"])
            .arg(out),
    )
}

/// Makes a module small, in its place.
pub(crate) fn optimise(root: &Path, module: &Path, flags: &[&str]) -> Result<()> {
    let mut tool = Command::new(node::tool(root, "wasm-opt"));
    tool.args(["--flatten", "--rereloop", "-Oz", "--converge"])
        .arg(module)
        .arg("-o")
        .arg(module)
        .args(flags);
    step::run("make it small", &mut tool)
}

/// Builds the wasm-bindgen tools at the version of the lock file; returns the folder they are in.
pub(crate) fn bindgen_tools(root: &Path) -> Result<PathBuf> {
    step::run(
        "build the wasm-bindgen tools",
        step::cargo(root).args(["build", "--package", "lamplight-bindgen"]),
    )?;
    Ok(target(root).join("debug"))
}

/// Cargo's output folder.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}
