//! Rebuilds the server when the demo page or the script, which it embeds, has changed. Cargo would
//! not notice new files. On Windows, gives its first thread the stack that it has elsewhere.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to Cargo")]

fn main() {
    for (built, folder) in [("../www/dist", "../www"), ("../npm/served", "../npm")] {
        // Watching a directory that does not exist would rebuild every time.
        let watched = [built, folder].into_iter().find(|path| std::path::Path::new(path).exists());
        println!("cargo::rerun-if-changed={}", watched.unwrap_or("build.rs"));
    }
    // Windows gives it 1 MiB, which an SQL statement uses up sooner than the 8 MiB of Unix.
    if std::env::var_os("CARGO_CFG_WINDOWS").is_some() {
        let is_msvc = std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|it| it == "msvc");
        let flag = if is_msvc { "/STACK:8388608" } else { "-Wl,--stack,8388608" };
        println!("cargo::rustc-link-arg-bins={flag}");
    }
}
