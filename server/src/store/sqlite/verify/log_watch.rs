//! Logs cannot be emptied while they are read from, so a check ends before they fill the disk.

use std::sync::Arc;
use std::time::Duration;

// The monotonic clock, not the clock port: it says how often to look, and decides nothing.
use tokio::time::Instant;

use super::CheckError;
use crate::store::sqlite::snapshot::{HeldFile, LogMark, SnapshotError};

/// How many steps of SQLite's virtual machine run between two looks at the time.
const STEPS: i32 = 10_000;
/// How often logs are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Interrupts whatever is read from these files from now on, once one of the logs has grown too
/// much.
pub(super) fn interrupt<'a>(
    files: impl Iterator<Item = &'a mut HeldFile>,
    logs: &Arc<[LogMark]>,
) -> Result<(), SnapshotError> {
    for held in files {
        let (marks, mut looked) = (Arc::clone(logs), Instant::now());
        let has_grown = move || {
            if looked.elapsed() < LOOK_EVERY {
                return false;
            }
            looked = Instant::now();
            marks.iter().any(|mark| mark.grown_mib().is_some())
        };
        held.connection
            .progress_handler(STEPS, Some(has_grown))
            .map_err(|source| SnapshotError::Sqlite { path: held.path().to_owned(), source })?;
    }
    Ok(())
}

/// Fails once a log has grown too much.
pub(super) fn check<'a>(mut files: impl Iterator<Item = &'a HeldFile>) -> Result<(), CheckError> {
    let grown = files.find_map(|held| held.log.grown_mib().map(|mib| (held.name(), mib)));
    grown.map_or(Ok(()), |(name, grown_mib)| Err(CheckError::LogGrew { name, grown_mib }))
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, ErrorCode};

    use super::*;

    /// Takes far longer than a look at the logs.
    const LONG: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000000) \
                        SELECT count(*) FROM n";

    #[test]
    fn what_is_running_ends_when_any_log_has_grown_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let writers = ["one.db", "other.db"].map(|name| {
            let writer = Connection::open(folder.path().join(name)).unwrap();
            writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (c)").unwrap();
            writer
        });
        let mut files = writers.each_ref().map(|writer| {
            HeldFile::begin(writer.path().unwrap().as_ref(), i64::MAX).unwrap().unwrap()
        });
        let logs: Arc<[LogMark]> = files.iter().map(|held| held.log.clone()).collect();
        interrupt(files.iter_mut(), &logs).unwrap();
        let reads = |held: &HeldFile, sql: &str| {
            held.connection.query_row(sql, [], |row| row.get::<_, i64>(0))
        };
        assert_eq!(reads(&files[0], "SELECT count(*) FROM t"), Ok(0));
        check(files.iter()).unwrap();

        let log = std::fs::File::options().write(true).open(folder.path().join("other.db-wal"));
        // A hole takes no space.
        let grow = std::thread::spawn(move || {
            std::thread::sleep(LOOK_EVERY * 2);
            log.unwrap().set_len(1025 * 1024 * 1024).unwrap();
        });
        let ended = reads(&files[0], LONG).unwrap_err();
        assert_eq!(ended.sqlite_error_code(), Some(ErrorCode::OperationInterrupted));
        grow.join().unwrap();
        let error = check(files.iter()).unwrap_err().to_string();
        assert!(error.contains("the write-ahead log of other.db grew by 1024 MiB"), "{error}");
    }
}
