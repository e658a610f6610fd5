//! One database file: connections, transactions, checkpoints, and how values are stored in columns.

pub(crate) mod checkpoint;
pub(crate) mod columns;
pub(crate) mod connection;
mod copy_interval;
pub(crate) mod read_end;
pub(crate) mod readers;
pub(crate) mod transaction;
