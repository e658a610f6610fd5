//! The laws of `Intake` and `Store`, written against the traits and run on every backend.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

mod backend;
mod intake_laws;
mod profile_laws;
mod retention_laws;
mod sample;
mod store_laws;
mod trace_laws;
mod week_laws;
