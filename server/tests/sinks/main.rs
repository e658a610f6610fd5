//! Sinks against stand-ins that behave as the real APIs are documented, on real sockets and a real database.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod api;
mod datadog;
mod dead_sink;
mod encoders;
mod file;
mod hostile;
mod kill;
mod mixpanel;
mod mixpanel_api;
mod mixpanel_faults;
mod rig;
mod tls;
mod webhook;
