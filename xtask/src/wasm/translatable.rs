//! The full client in a form that wasm2js can translate to JavaScript, for pages that forbid
//! WebAssembly. It is the same compiled code: only wasm-bindgen's part and a few instructions
//! differ.

use std::path::Path;

use anyhow::{Context, Result};

use super::optimise::{STRIP, bindgen, optimise};
use super::{FULL, create_folder, module_step, modules};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// The name of its folder.
pub(super) const NAME: &str = "translated";

const LABEL: &str = "the full client for wasm2js";

/// The features that wasm-bindgen may use. JavaScript functions have no form for the others:
/// several results, and references to objects.
const FEATURES: [&str; 4] = ["bulk-memory", "mutable-globals", "nontrapping-fptoint", "sign-ext"];

/// Replaces instructions that wasm2js does not know.
const LOWER: [&str; 2] = ["--llvm-nontrapping-fptoint-lowering", "--signext-lowering"];

/// Writes the module, unless nothing has changed.
pub(super) fn run(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let compiled = FULL.compiled(workspace);
    let out = modules(workspace).join(NAME);
    let module = out.join("lamplight_sdk_bg.wasm");
    module_step(workspace, "prepare the full client for wasm2js", toolchain, compiled.clone())
        .writes(module.clone())
        .run(|| {
            create_folder(&out)?;
            let plain = out.join("lamplight_sdk.wasm");
            declare_features(workspace, &compiled, &plain)?;
            bindgen(workspace, LABEL, &plain, &out)?;
            optimise(workspace, LABEL, &module, &[&LOWER[..], &STRIP].concat())
        })
}

/// Writes the module `compiled` to `plain`, with [`FEATURES`] in place of the features it names.
fn declare_features(workspace: &Workspace, compiled: &Path, plain: &Path) -> Result<()> {
    workspace.run(
        &format!("remove the features from {LABEL}"),
        workspace
            .npm_tool("wasm-opt")
            .args(["--strip-target-features", "--debuginfo"])
            .arg(compiled)
            .arg("-o")
            .arg(plain),
    )?;
    let mut module =
        std::fs::read(plain).with_context(|| format!("failed to read {}", plain.display()))?;
    module.extend(features_section()?);
    std::fs::write(plain, module).with_context(|| format!("failed to write {}", plain.display()))
}

/// The custom section `target_features` (tool conventions of WebAssembly): `+` and a name for each.
fn features_section() -> Result<Vec<u8>> {
    let mut body = with_length("target_features".into())?;
    body.push(u8::try_from(FEATURES.len())?);
    for name in FEATURES {
        body.push(b'+');
        body.extend(with_length(name.into())?);
    }
    Ok([vec![0], with_length(body)?].concat())
}

/// The bytes with their length before them, which is one byte as long as it is below 128.
fn with_length(bytes: Vec<u8>) -> Result<Vec<u8>> {
    let length = u8::try_from(bytes.len()).ok().filter(|length| *length < 128);
    let length = length.context("the list of features is longer than 127 bytes")?;
    Ok([vec![length], bytes].concat())
}
