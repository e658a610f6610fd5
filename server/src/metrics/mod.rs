//! What the server measures about itself.

pub mod in_flight;
pub mod throughput;
