//! Transactions of a writer thread, each with steps that can be rolled back alone.

use rusqlite::Connection;

use super::connection::BUSY_MS;

/// One database file, or several that are written together.
pub(crate) trait WriteTarget: Send + 'static {
    /// Begins a transaction.
    fn begin(&mut self) -> rusqlite::Result<()>;
    /// Ends the transaction. Everything in it is on disk, synced, when this returns `Ok`.
    fn commit(&mut self) -> rusqlite::Result<()>;
    /// Begins a step, which can be rolled back alone.
    fn begin_step(&mut self) -> rusqlite::Result<()>;
    /// Rolls back everything since `begin_step`. `end_step` must still follow.
    fn undo_step(&mut self) -> rusqlite::Result<()>;
    /// Ends what `begin_step` began.
    fn end_step(&mut self) -> rusqlite::Result<()>;
    /// Checkpoints and truncates the write-ahead log, unless somebody reads from it. Then it is
    /// done when the log is next idle.
    fn checkpoint(&mut self) -> rusqlite::Result<()>;
    /// Writes and syncs something that changes nothing, to prove that this is possible.
    fn probe(&mut self) -> rusqlite::Result<()>;
}

impl WriteTarget for Connection {
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
        self.execute_batch("PRAGMA busy_timeout = 0")?;
        let done = self.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        self.execute_batch(&format!("PRAGMA busy_timeout = {BUSY_MS}"))?;
        done
    }

    /// Writes the first page of the database again. A checkpoint alone would write nothing if the
    /// log is empty.
    fn probe(&mut self) -> rusqlite::Result<()> {
        let version: i32 = self.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        self.execute_batch(&format!("PRAGMA user_version = {version}"))
    }
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
