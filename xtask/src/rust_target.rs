//! The WebAssembly target of the Rust toolchain.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::step;

/// The target triple of the browser module.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Installs the target if it is missing.
pub(crate) fn ensure(root: &Path) -> Result<()> {
    let libdir = step::output_of(Command::new("rustc").current_dir(root).args([
        "--print",
        "target-libdir",
        "--target",
        WASM,
    ]));
    if libdir.is_some_and(|libdir| Path::new(&libdir).is_dir()) {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.current_dir(root).args(["target", "add", WASM]);
    if step::run("install the WebAssembly target", &mut rustup).is_err() {
        bail!(
            "the Rust target {WASM} is missing and rustup could not add it.\n\
             Run: rustup target add {WASM}"
        );
    }
    Ok(())
}
