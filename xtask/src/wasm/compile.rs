//! The SDK's sources to a WebAssembly module.

use std::path::PathBuf;

use anyhow::Result;

use super::{Module, copy, create_folder};
use crate::rust_target;
use crate::stamp::CachedStep;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// How the modules are compiled. ARCHITECTURE.md says what each part saves.
const FLAGS: [&str; 5] = [
    "-Zunstable-options",
    "-Cpanic=immediate-abort",
    "-Zinline-mir=yes",
    "-Zinline-mir-threshold=100",
    "-Zinline-mir-hint-threshold=100",
];

/// The precompiled standard library declares all features of WebAssembly, and uses only these.
const PRECOMPILED: [&str; 2] = [
    "-Clink-arg=--features=bulk-memory,mutable-globals,nontrapping-fptoint,sign-ext",
    "-Clink-arg=--no-check-features",
];

/// The sources, and what configures their compilation.
const SOURCES: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain",
    "rust-toolchain.toml",
    "sdk-wasm/Cargo.toml",
    "sdk-wasm/build.rs",
    "sdk-wasm/src",
    "wire/Cargo.toml",
    "wire/build.rs",
    "wire/src",
];

/// Variables by which Cargo and rustc are configured. Cargo sets others for the programs that it
/// runs, such as this one; those begin differently.
const VARIABLES: [&str; 7] = [
    "CARGO_BUILD_",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_PROFILE_",
    "CARGO_TARGET_WASM32_",
    "CARGO_UNSTABLE_",
    "RUSTC",
    "RUSTFLAGS",
];

/// Compiles a module, unless nothing has changed.
pub(super) fn run(workspace: &Workspace, module: &Module, toolchain: &Toolchain) -> Result<()> {
    let compiled = module.compiled(workspace);
    let name = format!("compile {}", module.label);
    CachedStep::new(workspace, &name)
        .reads(SOURCES.map(|path| workspace.path(path)))
        .reads(["xtask/src/wasm.rs", "xtask/src/wasm"].map(|path| workspace.path(path)))
        .reads(cargo_configs(workspace))
        .depends_on("rustc", &toolchain.rustc)
        .depends_on("the standard library's source", toolchain.has_std_source.to_string())
        .depends_on_variables(&VARIABLES)
        .writes(compiled.clone())
        .run(|| {
            workspace.run(&name, &mut cargo(workspace, module, toolchain))?;
            create_folder(&module.folder(workspace))?;
            let folder = output_folder(workspace, module).join(rust_target::WASM);
            copy(&folder.join("wasm/lamplight_sdk.wasm"), &compiled)
        })
}

fn cargo(workspace: &Workspace, module: &Module, toolchain: &Toolchain) -> std::process::Command {
    let mut flags = if module.has_later_features { vec![] } else { vec!["-Ctarget-cpu=mvp"] };
    let mut cargo = workspace.cargo();
    cargo
        // The `cdylib` alone: Cargo leaves link-time optimisation out for a crate that is built as
        // a Rust library as well.
        .args(["rustc", "--package", "lamplight-sdk", "--lib", "--crate-type", "cdylib"])
        .args(["--target", rust_target::WASM, "--profile", "wasm", "--target-dir"])
        .arg(output_folder(workspace, module))
        .args(module.features);
    if toolchain.has_std_source {
        // The standard library without its panic messages and their source locations, which would
        // name folders of whoever built it. This is an unstable feature, used for the browser
        // modules alone.
        cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
        flags.extend(FLAGS);
    } else if !module.has_later_features {
        flags.extend(PRECOMPILED);
    }
    cargo.env("RUSTFLAGS", flags.join(" "));
    cargo
}

/// Cargo's output folder for the modules with the same flags, which share the standard library that
/// is built in it.
fn output_folder(workspace: &Workspace, module: &Module) -> PathBuf {
    workspace.target().join(if module.has_later_features { "browser" } else { "browser-mvp" })
}

/// The files that Cargo takes its configuration from: the checkout's, its parents', the user's.
fn cargo_configs(workspace: &Workspace) -> Vec<PathBuf> {
    let root = workspace.path("");
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let mut folders: Vec<_> = root.ancestors().map(|folder| folder.join(".cargo")).collect();
    folders.extend(home);
    folders.sort();
    folders.dedup();
    folders.iter().flat_map(|folder| [folder.join("config.toml"), folder.join("config")]).collect()
}
