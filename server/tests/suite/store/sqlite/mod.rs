//! What only SQLite has: runs of numbers, versions of profiles, and files that earlier versions
//! wrote.

mod large;
mod ledgers;
mod profiles;
pub(crate) mod runs;
pub(crate) mod upgrade;
