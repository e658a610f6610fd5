//! Keys: created at the first start, kept in memory, each with rate limits and allowed origins.

pub mod bootstrap;
pub mod keyring;
pub mod origins;
pub mod rate_limit;
