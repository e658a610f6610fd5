//! Moving an installation between a data directory and a PostgreSQL database, whole or not at all.
//!
//! Rows are copied part by part, in batches. Each batch is one transaction with the progress of its
//! part, so whoever is interrupted goes on where the target says. While a migration is recorded in
//! a database, servers of it hold still: they take events and process nothing. So no event is
//! decided on before all ledgers are there, and what reached both sides is stored once. At the end
//! both sides are read and compared, and only then the source is left.

mod copy;
mod error;
mod place;
mod run;
mod side;
mod to_database;
mod to_directory;

pub use error::MigrateError;
pub use place::Place;
pub use run::{Migrated, Migration, migrate, undo};

/// Watches a migration.
pub trait Watch: Send {
    /// A step begins, over about `rows` rows.
    fn begin(&mut self, step: &str, rows: u64);

    /// This many rows are done. Returns whether to go on.
    fn reach(&mut self, rows: u64) -> bool;

    /// Something to know.
    fn note(&mut self, text: &str);
}
