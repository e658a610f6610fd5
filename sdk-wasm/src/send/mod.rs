//! Sending, one decision per file: when ([`flush`]), what ([`batch`]), what a response means
//! ([`response`], [`arrived`]), and how long to wait after a failure ([`backoff`]). All of it is
//! pure.

pub mod arrived;
pub mod backoff;
pub mod batch;
pub mod flush;
pub mod response;
