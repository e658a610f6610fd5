//! Read-only connections: a few, opened on demand, each used by one caller at a time.
//!
//! In WAL mode a reader sees the last commit before it began and never makes the writer wait.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::open_reader;
use super::read_end::{ReadEnd, SetWhenDropped};
use crate::store::StoreError;
use crate::store::read_class::ReadClass;

/// The most idle connections.
const IDLE_MAX: usize = 6;

/// Read-only connections to one database.
#[derive(Debug)]
pub(crate) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: [Arc<Semaphore>; ReadClass::ALL.len()],
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path: Arc::new(path),
            idle: Arc::new(Mutex::new(Vec::new())),
            turns: ReadClass::ALL.map(|class| Arc::new(Semaphore::new(class.places()))),
        }
    }

    /// Runs `read` on a thread that may block. All of it sees the same commit.
    ///
    /// Dropping the future interrupts it.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        class: ReadClass,
        doing: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read_until(class, doing, move |connection, _| read(connection)).await
    }

    /// Does the same, and tells `read` when it has to end.
    pub(crate) async fn read_until<T: Send + 'static>(
        &self,
        class: ReadClass,
        doing: &'static str,
        read: impl FnOnce(&Connection, &ReadEnd) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let down = StoreError::Down { retry_after_s: 1 };
        let turns = Arc::clone(&self.turns[class as usize]);
        let turn = turns.acquire_owned().await.map_err(|_| down.clone())?;
        let (path, idle) = (Arc::clone(&self.path), Arc::clone(&self.idle));
        let gone = SetWhenDropped::default();
        let end = ReadEnd::new(gone.flag(), class.time_max());
        let ends = end.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match kept {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            ends.interrupt(&mut connection)?;
            let value = read(&*connection.transaction()?, &ends)?;
            ReadEnd::forget(&mut connection)?;
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            // A connection is not reused after an error.
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
            Ok(value)
        });
        match reading.await {
            Ok(read) => read.map_err(|error: rusqlite::Error| end.error(doing, error)),
            Err(_) => Err(down),
        }
    }

    /// Closes the idle connections, so that none keeps the log from being truncated.
    pub(crate) fn close(&self) {
        self.turns.iter().for_each(|turns| turns.close());
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const ENDLESS: &str =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";

    fn readers() -> (tempfile::TempDir, Arc<Readers>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
        (folder, Arc::new(Readers::new(path)))
    }

    fn one(connection: &Connection) -> rusqlite::Result<i64> {
        connection.query_row("SELECT 1", [], |row| row.get(0))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn reads_of_one_class_that_wait_hold_up_no_other_class() {
        let (_folder, readers) = readers();
        for full in ReadClass::ALL {
            let (begun, begins) = mpsc::channel();
            let (latches, held): (Vec<_>, Vec<_>) = (0..50)
                .map(|_| {
                    let (open, latch) = mpsc::channel::<()>();
                    let (readers, begun) = (Arc::clone(&readers), begun.clone());
                    let held = tokio::spawn(async move {
                        let waits = move |_: &Connection| {
                            begun.send(()).unwrap();
                            Ok(latch.recv().is_ok())
                        };
                        readers.read(full, "wait", waits).await.is_ok()
                    });
                    (open, held)
                })
                .unzip();
            for _ in 0..full.places() {
                begins.recv_timeout(Duration::from_secs(20)).unwrap();
            }
            for class in ReadClass::ALL.into_iter().filter(|class| *class != full) {
                let read = readers.read(class, "read", one);
                let read = tokio::time::timeout(Duration::from_secs(20), read).await;
                assert_eq!(read.unwrap().unwrap(), 1, "{class:?} while {full:?} is full");
            }
            assert!(begins.try_recv().is_err(), "no more than its places read at a time");
            drop(latches);
            for held in held {
                assert!(held.await.unwrap());
            }
        }
    }

    #[tokio::test]
    async fn a_read_that_nobody_waits_for_is_interrupted_and_gives_its_place_back() {
        let (_folder, readers) = readers();
        for _ in 0..3 * ReadClass::Count.places() {
            let endless = readers.read(ReadClass::Count, "read", |connection| {
                connection.query_row(ENDLESS, [], |row| row.get::<_, i64>(0))
            });
            assert!(tokio::time::timeout(Duration::from_millis(50), endless).await.is_err());
        }
        let read = readers.read(ReadClass::Count, "read", one);
        let read = tokio::time::timeout(Duration::from_secs(20), read).await;
        assert_eq!(read.unwrap().unwrap(), 1);
    }

    #[test]
    fn a_read_ends_at_the_time_limit_of_its_class() {
        let gone = SetWhenDropped::default();
        let end = ReadEnd::new(gone.flag(), Some(Duration::ZERO));
        let mut connection = Connection::open_in_memory().unwrap();
        end.interrupt(&mut connection).unwrap();
        let error = connection.query_row(ENDLESS, [], |row| row.get::<_, i64>(0)).unwrap_err();
        let error = end.error("read", error);
        assert!(matches!(error, StoreError::TooSlow { .. }), "{error:?}");
        for class in ReadClass::ALL {
            assert_eq!(class.time_max().is_none(), class == ReadClass::Work, "{class:?}");
        }
    }
}
