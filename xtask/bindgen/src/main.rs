//! `lamplight-bindgen <compiled.wasm> <folder>`: what `wasm-bindgen --target web` does, without the
//! web servers and test runner that come with that command and take most of its build time.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (compiled, folder) = args
        .next()
        .zip(args.next())
        .context("usage: lamplight-bindgen <compiled.wasm> <folder>")?;
    Bindgen::new()
        .input_path(&compiled)
        .web(true)?
        .typescript(false)
        // The command's default. The library's leaves out the function that finds the module.
        .omit_default_module_path(false)
        .generate(&folder)
        .with_context(|| format!("failed to write the JavaScript of {}", compiled.display()))
}
