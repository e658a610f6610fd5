//! Rebuilds the server when the demo page or the script, which it embeds, has changed. Cargo would
//! not notice new files.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to Cargo")]

fn main() {
    for (built, folder) in [("../www/dist", "../www"), ("../npm/served", "../npm")] {
        // Watching a directory that does not exist would rebuild every time.
        let watched = [built, folder].into_iter().find(|path| std::path::Path::new(path).exists());
        println!("cargo::rerun-if-changed={}", watched.unwrap_or("build.rs"));
    }
}
