//! Keys: created at the first start, kept in memory, each with rate limits. Sessions of those who
//! hold one.

pub mod bootstrap;
pub mod following;
pub mod keyring;
pub mod origin_pattern;
pub mod rate_limit;
pub mod sessions;
pub mod shared_sessions;
