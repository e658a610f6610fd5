//! What only SQLite has: runs of numbers, and files that earlier versions wrote.

pub(crate) mod runs;
mod sql_places;
mod upgrade;
