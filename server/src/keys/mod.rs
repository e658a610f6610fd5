//! Keys: made at the first start, looked up in memory, each with a rate limit.

pub mod bootstrap;
pub mod keyring;
pub mod rate_limit;
