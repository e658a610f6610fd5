//! What only SQLite has: runs of numbers, and files that earlier versions wrote.

pub(crate) mod runs;
mod upgrade;
