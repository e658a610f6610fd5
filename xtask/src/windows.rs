//! The lints of the server for Windows, on another system.

use anyhow::Result;

use crate::programs::on_path;
use crate::workspace::{Workspace, output_of};

/// The target that a compiler on other systems builds for. Releases are for its sibling of Visual
/// C++, which the hosted workflow builds on Windows.
const TARGET: &str = "x86_64-pc-windows-gnu";
/// The compiler of SQLite and zstd for it.
const COMPILER: &str = "x86_64-w64-mingw32-gcc";

/// Checks the server for Windows, if what that takes is here. Otherwise says what is missing.
pub(crate) fn lint(workspace: &Workspace) -> Result<()> {
    if cfg!(windows) {
        // The other lints were for Windows.
        return Ok(());
    }
    if let Some(missing) = missing(workspace) {
        println!(
            "\n=== lints for Windows: left out, because {missing}. The job `windows` of the hosted \
             workflow compiles the server there"
        );
        return Ok(());
    }
    let packages = ["--package", "lamplight-server", "--package", "lamplight-windows"];
    let mut cargo = workspace.cargo();
    cargo.arg("clippy").args(packages).args(["--target", TARGET, "--", "-D", "warnings"]);
    workspace.run("lints for Windows", &mut cargo)
}

fn missing(workspace: &Workspace) -> Option<String> {
    if on_path(COMPILER).is_none() {
        return Some(format!(
            "there is no {COMPILER} (Debian, Ubuntu: apt-get install gcc-mingw-w64-x86-64)"
        ));
    }
    let mut rustc = workspace.program("rustc");
    let libdir = output_of(rustc.args(["--print", "target-libdir", "--target", TARGET]));
    let is_there = libdir.is_some_and(|libdir| std::path::Path::new(&libdir).is_dir());
    (!is_there).then(|| format!("the Rust target is missing (rustup target add {TARGET})"))
}
