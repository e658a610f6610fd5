//! The server over real HTTP: every status of the wire contract, and the shapes of all answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod answers;
mod counting;
mod demo;
mod faults;
mod golden;
mod limits;
mod live;
mod proxied;
mod reading;
mod refusals;
mod replaying;
mod starting;
