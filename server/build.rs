//! Rebuilds the server when the demo page that it carries was built anew: files that are new since the last
//! build are otherwise not noticed.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to Cargo")]

fn main() {
    // Watching a directory that is not there would rebuild every time.
    let watched =
        ["../www/dist", "../www"].into_iter().find(|path| std::path::Path::new(path).exists());
    println!("cargo::rerun-if-changed={}", watched.unwrap_or("build.rs"));
}
