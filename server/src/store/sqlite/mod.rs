//! The embedded backend: SQLite files, two writer threads, read-only connections beside them.
//!
//! The only code that speaks SQL. `intake.db` keeps raw payloads; `store.db` what came of them, but for the
//! events, of which each week has a file, `events-<week>.db`.

mod apply;
mod deliveries;
mod file;
mod keys;
mod payloads;
mod read;
mod store;
mod weeks;
mod writer;

pub use file::connection::OpenError;
pub use payloads::SqliteIntake;
pub use store::SqliteStore;
pub use writer::step::WriterLimits;
