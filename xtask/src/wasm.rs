//! The browser modules: Rust → wasm-bindgen → wasm-opt.
//!
//! There are two: the first client, which every page begins with, and the full client. The full one
//! is also left in a form that wasm2js can translate, for pages that forbid WebAssembly.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::stamp::CachedStep;
use crate::workspace::{Workspace, output_of};
use crate::{node, rust_target};

mod compile;
mod optimise;
mod translatable;

pub(crate) use optimise::bindgen_cli;

/// A browser module, as the crate's features make it.
struct Module {
    /// The name of its folder.
    name: &'static str,
    compile_step: &'static str,
    optimise_step: &'static str,
    name_step: &'static str,
    /// Cargo's flags that choose the features.
    features: &'static [&'static str],
}

const FIRST: Module = Module {
    name: "first",
    compile_step: "compile the first client",
    optimise_step: "optimise the first client",
    name_step: "name the functions of the first client",
    features: &["--no-default-features"],
};

const FULL: Module = Module {
    name: "full",
    compile_step: "compile the full client",
    optimise_step: "optimise the full client",
    name_step: "name the functions of the full client",
    features: &[],
};

/// What decides how sources become modules, other than the sources: read once for all steps.
struct Toolchain {
    rustc: String,
    node: String,
    has_std_source: bool,
}

/// Builds the modules and leaves each, with its JavaScript, in a folder below the returned one.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    rust_target::ensure(workspace)?;
    let toolchain = toolchain(workspace)?;
    for module in [&FIRST, &FULL] {
        compile::run(workspace, module, &toolchain)?;
        optimise::run(workspace, module, &toolchain)?;
    }
    translatable::run(workspace, &toolchain)?;
    Ok(modules(workspace))
}

/// Adds `named.wasm`, which has the names of functions, to the folders of the modules.
pub(crate) fn add_names(workspace: &Workspace) -> Result<()> {
    let toolchain = toolchain(workspace)?;
    for module in [&FIRST, &FULL] {
        optimise::run_with_names(workspace, module, &toolchain)?;
    }
    Ok(())
}

/// The folder that the modules are left in.
pub(crate) fn modules(workspace: &Workspace) -> PathBuf {
    workspace.target().join("browser-module")
}

/// The files that the npm package is made of.
pub(crate) fn shipped(workspace: &Workspace) -> Vec<PathBuf> {
    [FIRST.name, FULL.name, translatable::NAME]
        .map(|name| modules(workspace).join(name).join("lamplight_sdk_bg.wasm"))
        .into()
}

fn toolchain(workspace: &Workspace) -> Result<Toolchain> {
    Ok(Toolchain {
        has_std_source: rust_target::ensure_source(workspace),
        rustc: output_of(workspace.program("rustc").arg("-vV"))
            .context("failed to read the version of rustc: rustc -vV failed")?,
        node: node::ensure(workspace)?,
    })
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
    name: &'static str,
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
