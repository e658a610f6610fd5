//! What only the embedded backend has: runs of numbers, and files that earlier versions wrote.

pub(crate) mod runs;
mod upgrade;
