//! A compiled module to a small one, with the JavaScript that loads it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{Module, copy, module_step};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// Takes away what a page would download without need.
const STRIP: [&str; 3] = ["--strip-debug", "--strip-producers", "--strip-target-features"];

/// Replaces instructions that wasm2js does not know. Only the precompiled standard library has
/// them.
const LOWER: [&str; 2] = ["--llvm-nontrapping-fptoint-lowering", "--signext-lowering"];

/// The module as wasm-bindgen leaves it.
const UNOPTIMISED: &str = "unoptimised.wasm";

/// Has wasm-bindgen and wasm-opt process a compiled module, unless nothing has changed.
pub(super) fn run(workspace: &Workspace, module: &Module, toolchain: &Toolchain) -> Result<()> {
    let compiled = module.compiled(workspace);
    let out = module.folder(workspace);
    let small = out.join("lamplight_sdk_bg.wasm");
    let bound = out.join(UNOPTIMISED);
    let name = format!("optimise {}", module.label);
    module_step(workspace, &name, toolchain, compiled.clone())
        .writes(small.clone())
        .writes(out.join("lamplight_sdk.js"))
        .writes(out.join("snippets"))
        .writes(out.join("lamplight_sdk.d.ts"))
        .writes(bound.clone())
        .run(|| {
            bindgen(workspace, module.label, &compiled, &out)?;
            copy(&small, &bound)?;
            let lower: &[&str] = if module.has_later_features { &[] } else { &LOWER };
            optimise(workspace, module.label, &small, &[&STRIP, lower].concat())
        })
}

/// Leaves the module once more, optimised and with the names of its functions, which tell what
/// takes the bytes.
pub(super) fn run_with_names(
    workspace: &Workspace,
    module: &Module,
    toolchain: &Toolchain,
) -> Result<()> {
    let bound = module.folder(workspace).join(UNOPTIMISED);
    let named = module.folder(workspace).join("named.wasm");
    let name = format!("name the functions of {}", module.label);
    module_step(workspace, &name, toolchain, bound.clone()).writes(named.clone()).run(|| {
        copy(&bound, &named)?;
        optimise(workspace, module.label, &named, &["--debuginfo"])
    })
}

/// Has wasm-bindgen write a module and its JavaScript into a folder.
fn bindgen(workspace: &Workspace, label: &str, compiled: &Path, out: &Path) -> Result<()> {
    workspace.run(
        &format!("run wasm-bindgen on {label}"),
        tool(workspace)
            .args(["run", "--quiet", "--package", "lamplight-bindgen", "--"])
            .args([compiled, out]),
    )
}

/// Has wasm-opt make a module small, in place.
fn optimise(workspace: &Workspace, label: &str, module: &Path, flags: &[&str]) -> Result<()> {
    workspace.run(
        &format!("run wasm-opt on {label}"),
        workspace.npm_tool("wasm-opt").arg("-Oz").arg(module).arg("-o").arg(module).args(flags),
    )
}

/// Builds wasm-bindgen's commands, at the version of the lock file, and returns the test runner's
/// path. Only tests in browsers need them, and they take minutes to build.
pub(crate) fn bindgen_cli(workspace: &Workspace) -> Result<PathBuf> {
    workspace.run(
        "build the wasm-bindgen test runner",
        tool(workspace).args(["build", "--package", "lamplight-bindgen-cli"]),
    )?;
    let runner = workspace.target().join("debug/wasm-bindgen-test-runner");
    Ok(runner.with_extension(std::env::consts::EXE_EXTENSION))
}

/// `cargo` for a program that nobody debugs: without debug information it builds faster.
fn tool(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
    cargo
}
