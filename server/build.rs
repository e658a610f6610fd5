//! Rebuilds the server when what it carries was built anew, the demo page and the script: files that are new since
//! the last build are otherwise not noticed.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to Cargo")]

fn main() {
    for (built, folder) in [("../www/dist", "../www"), ("../npm/served", "../npm")] {
        // Watching a directory that is not there would rebuild every time.
        let watched = [built, folder].into_iter().find(|path| std::path::Path::new(path).exists());
        println!("cargo::rerun-if-changed={}", watched.unwrap_or("build.rs"));
    }
}
