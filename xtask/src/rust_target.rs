//! What the Rust toolchain needs to build the browser modules.

use std::path::Path;

use anyhow::{Result, bail};

use crate::workspace::{Workspace, output_of};

/// The target triple of the browser modules.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Installs the target of the browser modules if it is missing.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    ensure_installed(workspace, WASM)
}

/// Installs a target if it is missing.
pub(crate) fn ensure_installed(workspace: &Workspace, target: &str) -> Result<()> {
    let mut rustc = workspace.program("rustc");
    let libdir = output_of(rustc.args(["--print", "target-libdir", "--target", target]));
    if libdir.is_some_and(|libdir| Path::new(&libdir).is_dir()) {
        return Ok(());
    }
    let mut rustup = workspace.program("rustup");
    rustup.args(["target", "add", target]);
    if workspace.run(&format!("install the Rust target {target}"), &mut rustup).is_err() {
        bail!(
            "the Rust target {target} is missing and rustup could not add it.\n\
             Run: rustup target add {target}"
        );
    }
    Ok(())
}

/// Installs the standard library's source if it is missing, and says whether it is there. Without
/// it the browser modules are some 2 KB larger and otherwise the same.
pub(crate) fn ensure_source(workspace: &Workspace) -> bool {
    if has_source(workspace) {
        return true;
    }
    let mut rustup = workspace.program("rustup");
    rustup.args(["component", "add", "rust-src"]);
    let is_added = workspace.run("install the standard library's source", &mut rustup).is_ok();
    if !is_added || !has_source(workspace) {
        println!(
            "the standard library's source is missing and rustup could not add it: the browser \
             modules are built with the precompiled standard library, and are larger than what is \
             published.\n\
             Run: rustup component add rust-src"
        );
        return false;
    }
    true
}

/// Whether the standard library's source is installed.
fn has_source(workspace: &Workspace) -> bool {
    let sysroot = output_of(workspace.program("rustc").args(["--print", "sysroot"]));
    let library = "lib/rustlib/src/rust/library/std/Cargo.toml";
    sysroot.is_some_and(|sysroot| Path::new(&sysroot).join(library).is_file())
}
