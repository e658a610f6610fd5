//! `lamplight-bindgen <compiled.wasm> <folder>`: what `wasm-bindgen --target web` does, without the
//! web servers and test runner that come with that command and take most of its build time.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walrus::{ElementItems, FunctionBuilder, Module};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto, Output};

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (compiled, folder) = args
        .next()
        .zip(args.next())
        .context("usage: lamplight-bindgen <compiled.wasm> <folder>")?;
    let mut output = bind(&compiled, |bindgen| bindgen.web(true).map(drop))?;
    remove_unused(output.wasm_mut());
    output.emit(&folder).with_context(|| format!("failed to write to {}", folder.display()))?;
    // For bundlers, the types are those of the exported functions alone.
    let types = bind(&compiled, |bindgen| bindgen.bundler(true).map(drop))?;
    let path = folder.join("lamplight_sdk.d.ts");
    std::fs::write(&path, types.ts().unwrap_or_default())
        .with_context(|| format!("failed to write {}", path.display()))
}

fn bind(compiled: &Path, target: impl Fn(&mut Bindgen) -> Result<()>) -> Result<Output> {
    let mut bindgen = Bindgen::new();
    // Every browser that runs the module has `encodeInto`.
    bindgen.input_path(compiled).typescript(true).encode_into(EncodeInto::Always);
    target(&mut bindgen)?;
    bindgen.generate_output().with_context(|| format!("failed to bind {}", compiled.display()))
}

/// Takes unused functions out of the table, where no optimizer can know that nobody calls them:
/// those by which JavaScript would call the closures of all of js-sys, of which wasm-bindgen
/// exports the used ones, and those of its futures, which the SDK does not use.
fn remove_unused(module: &mut Module) {
    let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
    builder.func_body().unreachable();
    let nothing = builder.finish(Vec::new(), &mut module.funcs);
    let is_unused = |name: &str| {
        name.contains("::convert::closures::_::invoke::<") || name.contains("js_sys::futures::")
    };
    for element in module.elements.iter_mut() {
        let ElementItems::Functions(functions) = &mut element.items else { continue };
        for function in functions {
            if module
                .funcs
                .get(*function)
                .name
                .as_deref()
                .is_some_and(|name| is_unused(&plain(name)))
            {
                *function = nothing;
            }
        }
    }
    walrus::passes::gc::run(module);
}

/// A function's name without the hashes of crates, which stand in brackets.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    let mut is_hash = false;
    for char in name.chars() {
        is_hash |= char == '[';
        if !is_hash {
            plain.push(char);
        }
        is_hash &= char != ']';
    }
    plain
}
