//! The whole browser module once more, in terms that wasm2js can turn into JavaScript, for pages that forbid WebAssembly.
//! The same compiled code: only what wasm-bindgen makes of it, and a few instructions, differ.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{node, step, wasm};

/// What wasm-bindgen may use: neither several results nor references to objects, which JavaScript functions have no form for.
const FEATURES: [&str; 4] = ["bulk-memory", "mutable-globals", "nontrapping-fptoint", "sign-ext"];

/// Leaves the module for wasm2js in the folder `out`; `compiled` is what Cargo made of the whole one.
pub(crate) fn build(root: &Path, tools: &Path, compiled: &Path, out: &Path) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("failed to create {}", out.display()))?;
    let plain = out.join("lamplight_sdk.wasm");
    step::run(
        "take the features off the module",
        Command::new(node::tool(root, "wasm-opt"))
            .args(["--strip-target-features", "--debuginfo"])
            .arg(compiled)
            .arg("-o")
            .arg(&plain),
    )?;
    let mut module =
        std::fs::read(&plain).with_context(|| format!("failed to read {}", plain.display()))?;
    module.extend(features_section()?);
    std::fs::write(&plain, module)
        .with_context(|| format!("failed to write {}", plain.display()))?;
    wasm::bindgen(tools, &plain, out)?;
    let module = out.join("lamplight_sdk_bg.wasm");
    let lower = ["--llvm-nontrapping-fptoint-lowering", "--signext-lowering"];
    wasm::optimise(root, &module, &[&lower[..], &wasm::STRIPPED].concat())
}

/// The custom section `target_features` (tool conventions of WebAssembly): `+` and a name for each.
fn features_section() -> Result<Vec<u8>> {
    let mut body = spelled("target_features")?;
    body.push(u8::try_from(FEATURES.len())?);
    for name in FEATURES {
        body.push(b'+');
        body.extend(spelled(name)?);
    }
    Ok([vec![0], sized(body)?].concat())
}

fn spelled(text: &str) -> Result<Vec<u8>> {
    sized(text.into())
}

/// With its length before it, which is one byte as long as that is below 128.
fn sized(bytes: Vec<u8>) -> Result<Vec<u8>> {
    let length = u8::try_from(bytes.len()).ok().filter(|length| *length < 128);
    Ok([vec![length.context("the list of features has become too long")?], bytes].concat())
}
