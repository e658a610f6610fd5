//! Keys: created at the first start, kept in memory, each with rate limits.

pub mod bootstrap;
pub mod keyring;
pub mod origin_pattern;
pub mod rate_limit;
