//! Metrics of the server itself: counters and histograms that its parts record as they work.
//!
//! All of them begin at zero with the process. [`crate::figures`] reads them together.

pub mod answers;
pub mod commits;
pub mod growth;
pub mod histogram;
pub mod in_flight;
pub mod intake;
pub mod process;
pub mod recent_errors;
pub mod service_answers;
pub mod sink;
pub mod throughput;
