//! What a writer thread writes to: transactions, with a step in each that can be taken back alone.

use rusqlite::Connection;

/// One database file, or several that are written together.
pub(crate) trait Database: Send + 'static {
    /// Begins a transaction.
    fn begin(&mut self) -> rusqlite::Result<()>;
    /// Ends the transaction. Everything in it is on disk, synced, when this returns `Ok`.
    fn commit(&mut self) -> rusqlite::Result<()>;
    /// Begins a part of the transaction that can be undone.
    fn begin_step(&mut self) -> rusqlite::Result<()>;
    /// Takes everything since `begin_step` back. `end_step` still follows.
    fn undo_step(&mut self) -> rusqlite::Result<()>;
    /// Ends what `begin_step` began.
    fn end_step(&mut self) -> rusqlite::Result<()>;
    /// Copies the write-ahead log into the database and empties it.
    fn checkpoint(&mut self) -> rusqlite::Result<()>;
}

impl Database for Connection {
    fn begin(&mut self) -> rusqlite::Result<()> {
        run(self, "BEGIN IMMEDIATE")
    }

    fn commit(&mut self) -> rusqlite::Result<()> {
        run(self, "COMMIT")
    }

    fn begin_step(&mut self) -> rusqlite::Result<()> {
        run(self, "SAVEPOINT step")
    }

    fn undo_step(&mut self) -> rusqlite::Result<()> {
        run(self, "ROLLBACK TO step")
    }

    fn end_step(&mut self) -> rusqlite::Result<()> {
        run(self, "RELEASE step")
    }

    fn checkpoint(&mut self) -> rusqlite::Result<()> {
        self.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
