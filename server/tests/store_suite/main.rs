//! The laws of `Intake`, `Store` and `Deliveries`, written against the traits and run on every backend.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

mod backend;
mod delivery_laws;
mod intake_laws;
mod profile_laws;
mod retention_laws;
mod sample;
mod store_laws;
mod trace_laws;
mod week_laws;
