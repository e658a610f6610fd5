//! The browser module: Rust → wasm-bindgen → wasm-opt.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{node, rust_target, step};

/// Builds the module and leaves it, with its JavaScript, in the returned folder.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    rust_target::ensure(root)?;
    node::ensure(root)?;
    let tools = bindgen_tools(root)?;
    step::run(
        "build the browser module",
        step::cargo(root).args([
            "build",
            "--package",
            "lamplight-sdk",
            "--target",
            rust_target::WASM,
            "--profile",
            "wasm",
        ]),
    )?;
    let out = target(root).join("browser-module");
    std::fs::create_dir_all(&out).with_context(|| format!("failed to create {}", out.display()))?;
    step::run(
        "write its JavaScript",
        Command::new(tools.join("wasm-bindgen"))
            .arg(target(root).join(rust_target::WASM).join("wasm/lamplight_sdk.wasm"))
            .args(["--target", "web", "--no-typescript", "--out-dir"])
            .arg(&out),
    )?;
    let module = out.join("lamplight_sdk_bg.wasm");
    step::run(
        "make it small",
        Command::new(node::tool(root, "wasm-opt"))
            .arg("-Oz")
            .arg(&module)
            .arg("-o")
            .arg(&module)
            .args(["--strip-debug", "--strip-producers", "--strip-target-features"]),
    )?;
    Ok(out)
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
