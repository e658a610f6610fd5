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

/// Installs the standard library's source if it is missing; says whether it is there. Without it the browser modules
/// are some 2 KB larger and otherwise the same.
pub(crate) fn ensure_source(root: &Path) -> bool {
    if has_source(root) {
        return true;
    }
    let mut rustup = Command::new("rustup");
    rustup.current_dir(root).args(["component", "add", "rust-src"]);
    let is_added = step::run("install the standard library's source", &mut rustup).is_ok();
    if !is_added || !has_source(root) {
        println!(
            "the standard library's source is missing and rustup could not add it: the browser modules \
             are built with the standard library as it comes, and are larger than what is published.\n\
             Run: rustup component add rust-src"
        );
        return false;
    }
    true
}

/// Whether the standard library's source is there.
pub(crate) fn has_source(root: &Path) -> bool {
    let mut rustc = Command::new("rustc");
    let sysroot = step::output_of(rustc.current_dir(root).args(["--print", "sysroot"]));
    let library = "lib/rustlib/src/rust/library/std/Cargo.toml";
    sysroot.is_some_and(|sysroot| Path::new(&sysroot).join(library).is_file())
}
