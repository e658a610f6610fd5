//! The embedded backend: SQLite files, two writer threads, read-only connections beside them.
//!
//! The only code that speaks SQL. `intake.db` keeps raw payloads; `store.db` what came of them, but for the
//! events, of which each week has a file, `events-<week>.db`.

mod aggregate;
mod apply;
mod checkpoint;
mod columns;
mod connection;
mod database;
mod dead_letters;
mod deliveries;
mod delivering;
mod event_pages;
mod events;
mod files;
mod group_commit;
mod intake;
mod keys;
mod ledgers;
mod open_weeks;
mod outcomes;
#[cfg(test)]
mod plans;
mod producers;
mod profiles;
mod queue;
mod readers;
mod reapply;
mod recent;
mod refused;
mod replays;
mod retention;
mod routed;
mod runs;
mod sinks;
mod sql;
mod store;
mod totals;
mod trace;
mod week_catalog;
mod week_readers;
mod week_upgrade;
mod writer;

pub use connection::OpenError;
pub use intake::SqliteIntake;
pub use store::SqliteStore;
pub use writer::WriterLimits;
