//! Metrics of the server itself.

pub mod in_flight;
pub mod throughput;
