//! The server's integration tests, in one binary, in folders named as those of `src`.
//!
//! The tests of SQLite's query plans (`tests/plans`) are a binary of their own: they record every
//! statement that any connection of their process runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on says so, and prints the seed that repeats it"
)]

mod alerts;
mod backup;
mod commands;
mod console;
mod deliver;
mod fuzz;
mod harness;
mod http;
mod kill;
mod machine;
mod migrate;
#[cfg(target_os = "linux")]
mod postgres_faults;
mod process;
mod retention;
mod sinks;
mod store;
#[cfg(target_os = "linux")]
mod stream;
mod trends;
