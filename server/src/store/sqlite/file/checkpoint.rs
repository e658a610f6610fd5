//! Checkpoints: a thread copies write-ahead logs into their databases, and truncates those that are
//! idle.
//!
//! Copying and syncing megabytes takes longer than a response may wait. A passive checkpoint on its
//! own connection blocks nobody, and leaves little for the writer's checkpoint when the log reaches
//! its limit. An idle log is copied completely and truncated, so that an idle server uses no disk
//! space for it and has little to read at its next start.
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
use super::copy_interval::{CopyInterval, OF_INTAKE, OF_STORE};
use crate::store::sqlite::weeks::open::is_week;
use crate::system::background::lower_thread_priority;
use crate::system::supervisor::{Supervised, Supervisor};

/// How often the logs are looked at, at least.
const EVERY_MAX: Duration = Duration::from_millis(250);
/// A smaller log is not checkpointed while it is written to.
const LOG_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// A log is idle after this time without a write.
const QUIET: Duration = Duration::from_secs(10);

/// Which logs are checkpointed, and when.
pub(crate) enum Logs {
    /// The log of this database, for whose writer responses wait.
    Of(PathBuf),
    /// The logs of this database and of the files of events beside it.
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
                let paths = logs.databases();
                watched.retain(|path, _| paths.contains(path));
                for path in paths {
                    let log = watched.entry(path.clone()).or_default();
                    if let Err(error) = log.look(&path, &logs, quiet) {
                        // The writer meets the same fault and reports it to its callers.
                        tracing::debug!(%error, "failed to copy a log into its database");
                        *log = WalFile::default();
                    }
                }
                let due = watched.values().filter_map(|log| log.due).min();
                rest = due.map_or(EVERY_MAX, |due| due.duration_since(Instant::now()));
                rest = rest.min(EVERY_MAX);
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

    /// How often a log is copied while it is written to.
    fn copy_interval(&self) -> CopyInterval {
        match self {
            Self::Of(_) => OF_INTAKE,
            Self::OfStore(_) => OF_STORE,
        }
    }
}

/// One log, as of the last look.
#[derive(Default)]
struct WalFile {
    /// Kept while the log of intake is written to.
    connection: Option<Checkpoints>,
    /// When it was last written to.
    written: Option<SystemTime>,
    /// Since when it has not been.
    quiet_since: Option<Instant>,
    /// The last copy that was made while it was written to.
    copy: Option<Copied>,
    /// From when on it is copied again, if it has been written to since.
    due: Option<Instant>,
}

/// A copy of a log.
struct Copied {
    /// When it began.
    begun: Instant,
    /// The last write before that.
    written: Option<SystemTime>,
    log_bytes: u64,
}

impl WalFile {
    fn look(&mut self, database: &Path, logs: &Logs, quiet: Duration) -> rusqlite::Result<()> {
        let mut log = database.to_owned().into_os_string();
        log.push("-wal");
        let Ok(log) = std::fs::metadata(log) else { return Ok(()) };
        let written = log.modified().ok();
        if written != self.written {
            (self.written, self.quiet_since) = (written, None);
        }
        let now = Instant::now();
        let quiet_since = *self.quiet_since.get_or_insert(now);
        let is_new = self.copy.as_ref().is_none_or(|copy| copy.written != written);
        if log.len() > 0 && quiet_since.elapsed() >= quiet {
            // If another connection is at work there, it is tried again after as long.
            self.quiet_since = None;
            self.checkpoint(database, "PRAGMA wal_checkpoint(TRUNCATE)")?;
            (self.connection, self.copy) = (None, None);
        } else if log.len() >= LOG_BYTES_MIN && is_new && self.due.is_none_or(|due| due <= now) {
            let log_bytes = self.checkpoint(database, "PRAGMA wal_checkpoint(PASSIVE)")?;
            let last = self.copy.replace(Copied { begun: now, written, log_bytes });
            let since = last.map(|last| {
                // The writer begins the log again after a complete copy.
                let bytes = log_bytes.checked_sub(last.log_bytes).unwrap_or(log_bytes);
                (bytes, now.duration_since(last.begun))
            });
            self.due = Some(Instant::now() + logs.copy_interval().rest(since, now.elapsed()));
            if matches!(logs, Logs::OfStore(_)) {
                // Retention may delete the file, which Windows forbids while it is open.
                self.connection = None;
            }
            return Ok(());
        }
        // Without a write, there is nothing to be woken for.
        self.due = self.due.filter(|due| *due > now);
        Ok(())
    }

    /// Returns how many bytes the log has.
    fn checkpoint(&mut self, database: &Path, sql: &str) -> rusqlite::Result<u64> {
        let checkpoints = match self.connection.take() {
            Some(checkpoints) => checkpoints,
            None => Checkpoints::open(database)?,
        };
        // It is -1 if there is none.
        let pages: i64 = checkpoints.connection.query_row(sql, [], |row| row.get(1))?;
        let log_bytes = u64::try_from(pages).unwrap_or(0) * checkpoints.page_bytes;
        self.connection = Some(checkpoints);
        Ok(log_bytes)
    }
}

/// A connection that makes checkpoints.
struct Checkpoints {
    connection: Connection,
    page_bytes: u64,
}

impl Checkpoints {
    fn open(database: &Path) -> rusqlite::Result<Self> {
        let connection = open_checkpointer(database)?;
        let page_bytes = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        Ok(Self { connection, page_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::{Layout, open_writer};
    use super::*;

    fn pages_in_database(path: &Path) -> u64 {
        std::fs::metadata(path).unwrap().len() / 4096
    }

    /// Writes to the database `name` while `logs` are watched, until its log is copied.
    fn grows(name: &str, logs: impl FnOnce(&Path) -> Logs) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        let writer = open_writer(&path, Layout { page_bytes: 4096, cache_kib: 1024 }).unwrap();
        writer.execute_batch("CREATE TABLE kept (bytes BLOB)").unwrap();
        let _checkpointer =
            Checkpointer::start("checkpointer", logs(dir.path()), &Supervisor::default()).unwrap();
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
    fn a_log_that_grew_is_copied_while_its_writer_goes_on() {
        grows("db", |folder| Logs::Of(folder.join("db")));
        grows("events-1.db", |folder| Logs::OfStore(folder.join("store.db")));
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
