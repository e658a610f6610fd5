//! Intake on real nodes of NATS: nothing that was answered with 200 is lost, and nothing is stored
//! twice.
//!
//! `TEST_STREAM_ROUNDS` repeats each fault that often.

mod absent_shard;
pub(crate) mod cluster;
mod credentials;
pub(crate) mod failing_queue;
mod faults;
mod guide;
mod opened;
mod outages;
mod rig;
mod running;
mod start_checks;
mod surfaces;

/// How often a fault happens.
fn rounds(short: u64) -> u64 {
    std::env::var("TEST_STREAM_ROUNDS")
        .map_or(short, |text| text.parse().expect("TEST_STREAM_ROUNDS is a number"))
}
