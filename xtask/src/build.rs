//! `cargo xtask build`: the npm package, the demo page and the server.

use std::path::PathBuf;

use anyhow::Result;

use crate::report::table;
use crate::stamp::CachedStep;
use crate::toolchain::Toolchain;
use crate::wasm;
use crate::workspace::Workspace;

/// Variables that configure Node, esbuild and Binaryen.
const VARIABLES: [&str; 5] = ["BINARYEN_", "ESBUILD_", "NODE_ENV", "NODE_OPTIONS", "NODE_PATH"];

/// Leaves the npm package in `npm/`, the demo page in `www/dist` and the server at
/// `target/release/lamplight`. Steps whose inputs have not changed are skipped.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let toolchain = package(workspace)?;
    demo_page(workspace, &toolchain)?;
    server(workspace, None)?;
    println!("\n{}", table("step", &workspace.steps()));
    println!("npm package: npm/ (npm pack ./npm makes the file that would be published)");
    println!("server:      {}", workspace.server().display());
    Ok(())
}

/// Builds all of that with the server for another target, and returns the path of the server.
pub(crate) fn for_target(workspace: &Workspace, target: &str) -> Result<PathBuf> {
    let toolchain = package(workspace)?;
    demo_page(workspace, &toolchain)?;
    server(workspace, Some(target))?;
    let program = if target.contains("windows") { "lamplight.exe" } else { "lamplight" };
    Ok(workspace.target().join(target).join("release").join(program))
}

/// Builds the npm package; returns what it was built with.
pub(crate) fn package(workspace: &Workspace) -> Result<Toolchain> {
    let toolchain = Toolchain::ensure(workspace)?;
    let modules = wasm::build(workspace, &toolchain)?;
    CachedStep::new(workspace, "build the npm package")
        .reads([workspace.path("npm")])
        .except(workspace.path("npm/node_modules"))
        .except(workspace.path("npm/test"))
        // Published as it is.
        .except(workspace.path("npm/cli"))
        .except(workspace.path("npm/README.md"))
        // The JavaScript that the modules import lies beside the Rust that calls it.
        .reads([workspace.path("sdk-wasm/src/browser")])
        .reads(wasm::shipped(workspace))
        .reads(npm_inputs(workspace))
        .depends_on("node", &toolchain.node)
        .depends_on_variables(&VARIABLES)
        .writes(workspace.path("npm/dist"))
        .writes(workspace.path("npm/served"))
        .run(|| {
            workspace.run(
                "build the npm package",
                workspace.node("npm").arg("build.mjs").arg("--wasm").arg(&modules),
            )
        })?;
    Ok(toolchain)
}

/// Builds the demo page, which the server embeds.
fn demo_page(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    CachedStep::new(workspace, "build the demo page")
        .reads([workspace.path("www")])
        .except(workspace.path("www/node_modules"))
        .except(workspace.path("www/test"))
        .except(workspace.path("www/README.md"))
        .reads(
            ["npm/dist", "npm/package.json", "npm/tsconfig.json"].map(|path| workspace.path(path)),
        )
        .reads(npm_inputs(workspace))
        .depends_on("node", &toolchain.node)
        .depends_on_variables(&VARIABLES)
        .writes(workspace.path("www/dist"))
        .run(|| workspace.run("build the demo page", workspace.node("www").arg("build.mjs")))
}

/// Builds the server. Cargo decides what that takes: both of the folders that the server embeds are
/// written only where their contents change.
fn server(workspace: &Workspace, target: Option<&str>) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", "lamplight-server"]);
    cargo.args(target.map(|target| format!("--target={target}")));
    workspace.run("build the server", &mut cargo)
}

/// The packages that the build scripts run with.
fn npm_inputs(workspace: &Workspace) -> [PathBuf; 3] {
    ["package.json", "package-lock.json", "node_modules/.package-lock.json"]
        .map(|path| workspace.path(path))
}
