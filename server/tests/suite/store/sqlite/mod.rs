//! What only SQLite has: runs of numbers, versions of profiles, and files that earlier versions
//! wrote.

mod profiles;
pub(crate) mod runs;
mod upgrade;
