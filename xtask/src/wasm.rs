//! The browser modules: Rust → wasm-bindgen → wasm-opt.
//!
//! There are two: the first client, which every page begins with, and the full client. The full one
//! is compiled once more without the later features of WebAssembly, for wasm2js, which translates
//! it for pages that forbid WebAssembly.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::stamp::CachedStep;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

mod compile;
mod optimise;

pub(crate) use optimise::bindgen_cli;

/// A browser module, as the crate's features make it.
struct Module {
    /// The name of its folder.
    name: &'static str,
    /// What it is called in headings.
    label: &'static str,
    /// Cargo's flags that choose the features.
    features: &'static [&'static str],
    /// Whether it may use the later features of WebAssembly.
    has_later_features: bool,
}

const FIRST: Module = Module {
    name: "first",
    label: "the first client",
    features: &["--no-default-features"],
    has_later_features: true,
};

const FULL: Module =
    Module { name: "full", label: "the full client", features: &[], has_later_features: true };

const TRANSLATED: Module = Module {
    name: "translated",
    label: "the full client for wasm2js",
    features: &[],
    has_later_features: false,
};

/// Builds the modules and leaves each, with its JavaScript, in a folder below the returned one.
pub(crate) fn build(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    for module in [&FIRST, &FULL, &TRANSLATED] {
        compile::run(workspace, module, toolchain)?;
        optimise::run(workspace, module, toolchain)?;
    }
    Ok(modules(workspace))
}

/// Adds `named.wasm`, which has the names of functions, to the folders of the modules.
pub(crate) fn add_names(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    for module in [&FIRST, &FULL] {
        optimise::run_with_names(workspace, module, toolchain)?;
    }
    Ok(())
}

/// The folder that the modules are left in.
pub(crate) fn modules(workspace: &Workspace) -> PathBuf {
    workspace.target().join("browser-module")
}

/// The files that the npm package is made of.
pub(crate) fn shipped(workspace: &Workspace) -> Vec<PathBuf> {
    let files = |module: &Module| {
        let folder = module.folder(workspace);
        ["lamplight_sdk_bg.wasm", "lamplight_sdk.js", "lamplight_sdk.d.ts", "snippets"]
            .map(|name| folder.join(name))
    };
    [&FIRST, &FULL, &TRANSLATED].into_iter().flat_map(files).collect()
}

impl Module {
    fn folder(&self, workspace: &Workspace) -> PathBuf {
        modules(workspace).join(self.name)
    }

    /// The module as Cargo compiled it.
    fn compiled(&self, workspace: &Workspace) -> PathBuf {
        self.folder(workspace).join("lamplight_sdk.wasm")
    }
}

/// A step that turns a compiled module into another, with all that it depends on declared.
fn module_step<'a>(
    workspace: &'a Workspace,
    name: &str,
    toolchain: &Toolchain,
    compiled: PathBuf,
) -> CachedStep<'a> {
    CachedStep::new(workspace, name)
        .reads([compiled])
        // wasm-bindgen, as built from the lock file, and wasm-opt.
        .reads(["Cargo.lock", "xtask/bindgen"].map(|path| workspace.path(path)))
        .reads([workspace.path("node_modules/binaryen/package.json")])
        // The flags of both.
        .reads(["xtask/src/wasm.rs", "xtask/src/wasm"].map(|path| workspace.path(path)))
        .depends_on("rustc", &toolchain.rustc)
        .depends_on("node", &toolchain.node)
        .depends_on_variables(&["BINARYEN_", "NODE_OPTIONS", "WASM_BINDGEN_"])
}

fn create_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("failed to create {}", folder.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("failed to copy {} to {}", from.display(), to.display()))
}
