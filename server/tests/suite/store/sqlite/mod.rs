//! What only SQLite has: runs of numbers, and files that earlier versions wrote.

mod ledgers;
pub(crate) mod runs;
pub(crate) mod upgrade;
