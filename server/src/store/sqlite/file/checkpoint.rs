//! Checkpoints: a thread copies write-ahead logs into their databases, and truncates those that are
//! idle.
//!
//! Copying and syncing megabytes takes longer than a response may wait. A passive checkpoint on its
//! own connection blocks nobody, and leaves next to nothing for the writer's checkpoint when the
//! log reaches its limit. An idle log is copied completely and truncated, so that an idle server
//! uses no disk space for it and has little to read at its next start.
//!
//! **Invariant:** no checkpoint waits for a reader. One that truncates a log holds the lock for
//! writing meanwhile, so writers would wait, too: a backup reads for minutes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
// The monotonic clock, not the clock port: it measures how long checkpoints take.
use tokio::time::Instant;

use super::connection::open_checkpointer;
use crate::store::sqlite::weeks::open::is_week;
use crate::system::background::lower_thread_priority;
use crate::system::supervisor::{Supervised, Supervisor};

/// How often the logs are checked, at most and at least. What is not copied by then is left to the
/// writer when its log is full, and responses wait for that.
const EVERY_MIN: Duration = Duration::from_millis(50);
const EVERY_MAX: Duration = Duration::from_millis(250);
/// How many times longer the thread rests than its last checkpoints took.
const RESTS: u32 = 10;
/// A smaller log is not checkpointed while it is written to.
const LOG_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// A log is idle after this time without a write.
const QUIET: Duration = Duration::from_secs(10);

/// Which logs are checkpointed, and when.
pub(crate) enum Logs {
    /// The log of this database, also while it is written to: responses wait for its writer.
    Of(PathBuf),
    /// The logs of this database and of the files of events beside it, once they are idle.
    OfStore(PathBuf),
}

/// The thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    _stop: Sender<()>,
}

impl Checkpointer {
    /// Starts the thread.
    pub(crate) fn start(name: &str, logs: Logs, supervisor: &Supervisor) -> std::io::Result<Self> {
        Self::start_with(name, logs, QUIET, supervisor)
    }

    fn start_with(
        name: &str,
        logs: Logs,
        quiet: Duration,
        supervisor: &Supervisor,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let run = move |supervised: &Supervised| {
            lower_thread_priority();
            let mut watched: BTreeMap<PathBuf, WalFile> = BTreeMap::new();
            let mut rest = EVERY_MAX;
            while stopped.recv_timeout(rest) == Err(RecvTimeoutError::Timeout) {
                supervised.reach();
                let begun = Instant::now();
                let paths = logs.databases();
                watched.retain(|path, _| paths.contains(path));
                for path in paths {
                    let log = watched.entry(path.clone()).or_default();
                    if let Err(error) = log.look(&path, logs.are_copied_while_written(), quiet) {
                        // The writer meets the same fault and reports it to its callers.
                        tracing::debug!(%error, "failed to copy a log into its database");
                        log.connection = None;
                    }
                }
                if logs.are_copied_while_written() {
                    rest = (RESTS * begun.elapsed()).clamp(EVERY_MIN, EVERY_MAX);
                }
            }
        };
        supervisor.spawn_thread(name, run)?;
        Ok(Self { _stop: stop })
    }
}

impl Logs {
    fn databases(&self) -> Vec<PathBuf> {
        let store = match self {
            Self::Of(path) => return vec![path.clone()],
            Self::OfStore(path) => path,
        };
        let folder = store.parent().unwrap_or(Path::new("."));
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let weeks = files.map(|file| file.path()).filter(|path| is_week(path));
        weeks.chain([store.clone()]).collect()
    }

    fn are_copied_while_written(&self) -> bool {
        matches!(self, Self::Of(_))
    }
}

/// One log, as of the last check.
#[derive(Default)]
struct WalFile {
    /// Kept while the log is written to.
    connection: Option<Connection>,
    /// When it was last written to.
    written: Option<SystemTime>,
    /// Since when it has not been.
    quiet_since: Option<Instant>,
    /// The time of the last write that has been copied.
    copied: Option<SystemTime>,
}

impl WalFile {
    fn look(&mut self, database: &Path, copies: bool, quiet: Duration) -> rusqlite::Result<()> {
        let mut log = database.to_owned().into_os_string();
        log.push("-wal");
        let Ok(log) = std::fs::metadata(log) else { return Ok(()) };
        let written = log.modified().ok();
        if written != self.written {
            (self.written, self.quiet_since) = (written, None);
        }
        let quiet_since = *self.quiet_since.get_or_insert_with(Instant::now);
        if log.len() > 0 && quiet_since.elapsed() >= quiet {
            // If another connection is at work there, it is tried again after as long.
            self.quiet_since = None;
            self.checkpoint(database, "PRAGMA wal_checkpoint(TRUNCATE)")?;
            self.connection = None;
        } else if copies && log.len() >= LOG_BYTES_MIN && written != self.copied {
            self.checkpoint(database, "PRAGMA wal_checkpoint(PASSIVE)")?;
            self.copied = written;
        }
        Ok(())
    }

    fn checkpoint(&mut self, database: &Path, sql: &str) -> rusqlite::Result<()> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open_checkpointer(database)?,
        };
        connection.query_row(sql, [], |_| Ok(()))?;
        self.connection = Some(connection);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::{Layout, open_writer};
    use super::*;

    fn pages_in_database(path: &Path) -> u64 {
        std::fs::metadata(path).unwrap().len() / 4096
    }

    #[test]
    fn a_log_that_grew_is_copied_while_its_writer_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let writer = open_writer(&path, Layout { page_bytes: 4096, cache_kib: 1024 }).unwrap();
        writer.execute_batch("CREATE TABLE kept (bytes BLOB)").unwrap();
        let _checkpointer =
            Checkpointer::start("checkpointer", Logs::Of(path.clone()), &Supervisor::default())
                .unwrap();
        let keep = || writer.execute("INSERT INTO kept VALUES (zeroblob(1000000))", []).unwrap();
        keep();
        std::thread::sleep(2 * EVERY_MAX);
        assert!(pages_in_database(&path) < 100, "a small log is left alone");
        for _ in 0..8 {
            keep();
        }
        for _ in 0..100 {
            if pages_in_database(&path) > 2_000 {
                return;
            }
            std::thread::sleep(EVERY_MAX);
        }
        unreachable!("nothing copied the log");
    }

    #[test]
    fn a_log_that_is_left_alone_is_emptied_and_its_writer_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events-1.db");
        let writer = open_writer(&path, Layout { page_bytes: 4096, cache_kib: 1024 }).unwrap();
        let other =
            open_writer(&dir.path().join("other.db"), Layout { page_bytes: 4096, cache_kib: 64 })
                .unwrap();
        for connection in [&writer, &other] {
            connection.execute_batch("CREATE TABLE kept (x); INSERT INTO kept VALUES (1)").unwrap();
        }
        let logs = Logs::OfStore(dir.path().join("store.db"));
        let _checkpointer =
            Checkpointer::start_with("checkpointer", logs, EVERY_MAX, &Supervisor::default())
                .unwrap();
        let log_bytes = |name| std::fs::metadata(dir.path().join(name)).unwrap().len();
        for _ in 0..100 {
            std::thread::sleep(EVERY_MAX);
            if log_bytes("events-1.db-wal") == 0 {
                break;
            }
        }
        assert_eq!(log_bytes("events-1.db-wal"), 0);
        assert!(log_bytes("other.db-wal") > 0, "someone else's");
        writer.execute("INSERT INTO kept VALUES (2)", []).unwrap();
        let kept: i64 =
            writer.query_row("SELECT count(*) FROM kept", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 2);
    }

    #[test]
    fn a_writer_does_not_wait_for_a_checkpoint_that_waits_for_a_reader() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let writer = open_writer(&path, Layout { page_bytes: 4096, cache_kib: 1024 }).unwrap();
        writer.execute_batch("CREATE TABLE kept (x); INSERT INTO kept VALUES (1)").unwrap();
        writer.busy_timeout(Duration::from_secs(1)).unwrap();
        // Reads for longer than anybody may wait, as a backup does.
        let reader = super::super::connection::open_reader(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM kept").unwrap();
        let logs = Logs::Of(path.clone());
        let _checkpointer =
            Checkpointer::start_with("checkpointer", logs, EVERY_MAX, &Supervisor::default())
                .unwrap();
        for _ in 0..3 {
            writer.execute("INSERT INTO kept VALUES (2)", []).unwrap();
            std::thread::sleep(5 * EVERY_MAX);
        }
    }
}
