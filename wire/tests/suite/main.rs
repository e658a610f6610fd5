//! Every test of this crate through its public API, in one binary. The modules mirror `src/`;
//! `golden` reads the golden files of `tests/wire/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

#[cfg(feature = "serde")]
mod batch;
#[cfg(feature = "serde")]
mod event;
#[cfg(feature = "serde")]
mod golden;
mod json;
#[cfg(feature = "serde")]
mod json_read;
#[cfg(feature = "serde")]
mod monitor;
mod producer;
mod ranges;
#[cfg(feature = "serde")]
mod time;
#[cfg(feature = "serde")]
mod user;
