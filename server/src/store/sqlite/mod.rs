//! The embedded backend: two SQLite files, one writer thread each, read-only connections beside them.
//!
//! The only code that speaks SQL. `intake.db` keeps raw payloads, `store.db` what came of them.

mod apply;
mod columns;
mod connection;
mod dead_letters;
mod deliveries;
mod events;
mod group_commit;
mod intake;
mod keys;
mod ledgers;
mod outcomes;
mod producers;
mod queue;
mod readers;
mod routed;
mod sinks;
mod store;
mod totals;
mod trace;
mod writer;

pub use connection::OpenError;
pub use intake::SqliteIntake;
pub use store::SqliteStore;
pub use writer::WriterLimits;
