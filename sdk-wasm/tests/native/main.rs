//! Every native integration test of the SDK, in one binary. The modules mirror `src/`; `page`
//! drives one page step by step, and `simulation` drives the complete client in many tabs.
//!
//! The tests of the browser module run on wasm32 in a real browser, so they have a binary of their
//! own: `tests/browser.rs`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

mod client;
mod identity;
mod origin;
mod page;
mod queue;
mod simulation;
mod tabs;
