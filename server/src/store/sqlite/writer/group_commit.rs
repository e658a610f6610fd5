//! Group commit: the writer thread of one database.
//!
//! It takes everything that is queued, runs it in one transaction, commits with one sync, and
//! answers every caller. There is no timer: while one sync runs, the next group gathers. A commit
//! that fails is never retried on the same pages, because after a failed `fsync` the kernel may
//! have dropped them. Instead the connection is closed, callers get an error, and the writer
//! continues only with a new connection that has proven a write.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::step::{Change, Guard, Host, Inbox, Step, WriterState, is_disks_fault};
use crate::store::StoreError;
use crate::store::sqlite::OpenError;
use crate::store::sqlite::file::transaction::WriteTarget;
use crate::system::background::lower_thread_priority;
use crate::system::supervisor::Supervised;

/// The most steps in one transaction.
const GROUP_STEPS_MAX: usize = 4_096;
/// The most bytes of steps in one transaction.
const GROUP_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long to wait before a failed database is reopened, at first and at most.
const REOPEN_MS: (u64, u64) = (250, 5_000);

/// What is written in one transaction.
type Group<H> = Vec<Box<dyn Step<<H as Host>::Target>>>;

/// The writer thread.
pub(crate) struct Thread<H: Host> {
    steps: Receiver<Inbox<H::Target>>,
    shared: Arc<WriterState>,
    host: H,
}

impl<H: Host> Thread<H> {
    pub(crate) fn new(
        steps: Receiver<Inbox<H::Target>>,
        shared: Arc<WriterState>,
        host: H,
    ) -> Self {
        Self { steps, shared, host }
    }

    pub(crate) fn run(mut self, database: H::Target, supervised: &Supervised) {
        let _down = DownOnDrop(Arc::clone(&self.shared));
        if H::LOWERS_PRIORITY {
            lower_thread_priority();
        }
        let mut database = Some(database);
        while let Ok(first) = self.steps.recv() {
            let (mut group, close) = self.gather(first);
            supervised.reach();
            let shared = Arc::clone(&self.shared);
            let running = shared.begin_commit();
            if let Some(open) = &mut database
                && let Err(error) = self.commit(open, &mut group)
            {
                self.shared.up.store(false, Ordering::Release);
                self.shared.metrics.failed();
                tracing::error!(%error, steps = group.len(), "failed to commit: reopening the database");
                for step in &mut group {
                    step.fail(StoreError::Down { retry_after_s: 2 });
                }
                database = None;
            }
            drop(running);
            for step in group {
                step.answer();
            }
            if let Some(answer) = close {
                self.finish(database, answer);
                return;
            }
            if database.is_none() {
                match self.reopen() {
                    Some(fresh) => database = Some(fresh),
                    None => return,
                }
            }
        }
    }

    /// Everything that is queued, up to the limits of one transaction.
    fn gather(&self, first: Inbox<H::Target>) -> (Group<H>, Option<oneshot::Sender<()>>) {
        let mut waiting = VecDeque::from([first]);
        let (mut group, mut bytes) = (Vec::new(), 0);
        while let Some(next) = waiting.pop_front() {
            match next {
                Inbox::Close(answer) => return (group, Some(answer)),
                Inbox::Step(step) => {
                    bytes += step.bytes();
                    group.push(step);
                }
            }
            if group.len() < GROUP_STEPS_MAX && bytes < GROUP_BYTES_MAX {
                waiting.extend(self.steps.try_recv().ok());
            }
        }
        (group, None)
    }

    fn commit(
        &mut self,
        database: &mut H::Target,
        group: &mut [Box<dyn Step<H::Target>>],
    ) -> rusqlite::Result<()> {
        let mut change = Change::default();
        // The monotonic clock, not the clock port: it measures how long the disk takes.
        let begun = Instant::now();
        database.begin()?;
        for step in group.iter_mut() {
            match step.guard() {
                Guard::Shared => step.run(database, &mut change)?,
                Guard::Alone => run_alone(database, step.as_mut(), &mut change)?,
            }
        }
        let stepped = Instant::now();
        database.commit()?;
        let metrics = &self.shared.metrics;
        metrics.sync.observe(stepped.elapsed());
        metrics.group.observe(begun.elapsed());
        metrics.committed(group.len() as u64);
        self.update_retry_after(group);
        self.host.committed(change);
        Ok(())
    }

    /// Estimates how long a full queue takes to drain: its bytes over those of one commit, at about
    /// 20 ms each.
    fn update_retry_after(&self, group: &[Box<dyn Step<H::Target>>]) {
        let taken: u64 = group.iter().map(|step| step.bytes()).sum();
        let queued = self.shared.queued.now();
        let commits = queued / taken.max(64 * 1024);
        let seconds = u32::try_from(commits / 50).unwrap_or(u32::MAX).clamp(1, 30);
        self.shared.queued.set_retry_after_s(seconds);
    }

    /// Reopens the database until it takes a write again. `None` when no caller is left.
    fn reopen(&mut self) -> Option<H::Target> {
        let mut wait_ms = REOPEN_MS.0;
        loop {
            // Tells callers when the next attempt is.
            let retry_after_s = u32::try_from(wait_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
            self.shared.queued.set_retry_after_s(retry_after_s);
            match self.steps.recv_timeout(Duration::from_millis(wait_ms)) {
                Ok(Inbox::Step(mut step)) => {
                    step.fail(StoreError::Down { retry_after_s });
                    step.answer();
                    continue;
                }
                Ok(Inbox::Close(_)) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            match self.open_and_probe() {
                Ok(database) => {
                    tracing::info!("the database takes writes again");
                    self.shared.up.store(true, Ordering::Release);
                    return Some(database);
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "failed to reopen the database: trying again"
                    );
                    wait_ms = (wait_ms * 2).min(REOPEN_MS.1);
                }
            }
        }
    }

    /// A new connection that has proven a write.
    fn open_and_probe(&mut self) -> Result<H::Target, OpenError> {
        let mut database = self.host.open()?;
        database.probe().map_err(|source| OpenError::Probe { source })?;
        Ok(database)
    }

    fn finish(self, database: Option<H::Target>, answer: oneshot::Sender<()>) {
        self.shared.up.store(false, Ordering::Release);
        if let Some(mut database) = database
            && let Err(error) = database.checkpoint()
        {
            tracing::warn!(%error, "failed to checkpoint: the next start does it");
        }
        let _ = answer.send(());
    }
}

/// Marks the database as down when the thread ends, also by a panic.
struct DownOnDrop(Arc<WriterState>);

impl Drop for DownOnDrop {
    fn drop(&mut self) {
        self.0.up.store(false, Ordering::Release);
    }
}

fn run_alone<D: WriteTarget>(
    database: &mut D,
    step: &mut dyn Step<D>,
    change: &mut Change,
) -> rusqlite::Result<()> {
    let before = *change;
    database.begin_step()?;
    if let Err(error) = step.run(database, change) {
        if is_disks_fault(&error) {
            return Err(error);
        }
        *change = before;
        database.undo_step()?;
    }
    database.end_step()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::WriterLimits;
    use crate::store::sqlite::file::connection::{Layout, open_writer};
    use crate::store::sqlite::writer::handle::Writer;
    use crate::store::sqlite::writer::step::HANGS_AFTER;
    use crate::system::supervisor::Supervisor;
    use rusqlite::Connection;
    use std::path::PathBuf;
    use std::sync::atomic::AtomicBool;

    struct SmallDisk {
        path: PathBuf,
        is_small: Arc<AtomicBool>,
    }

    impl Host for SmallDisk {
        type Target = Connection;
        const LOWERS_PRIORITY: bool = false;
        fn open(&mut self) -> Result<Connection, OpenError> {
            let connection = open_writer(&self.path, Layout { page_bytes: 4096, cache_kib: 64 })?;
            let pages = if self.is_small.load(Ordering::SeqCst) { 4 } else { 10_000 };
            connection.execute_batch(&format!("PRAGMA max_page_count = {pages}")).unwrap();
            connection.execute_batch("CREATE TABLE IF NOT EXISTS kept (text TEXT)").unwrap();
            Ok(connection)
        }

        fn committed(&mut self, _change: Change) {}
    }

    fn start(
        limits: WriterLimits,
        is_small: &Arc<AtomicBool>,
    ) -> (tempfile::TempDir, Writer<Connection>) {
        let dir = tempfile::tempdir().unwrap();
        let mut host = SmallDisk { path: dir.path().join("db"), is_small: Arc::clone(is_small) };
        let connection = host.open().unwrap();
        let supervisor = Supervisor::default();
        (dir, Writer::start("writer", limits, connection, host, &supervisor).unwrap())
    }

    fn keep(
        writer: &Writer<Connection>,
        text: String,
    ) -> impl Future<Output = Result<usize, StoreError>> {
        writer.write("keep", Guard::Shared, text.len() as u64, move |connection, _| {
            connection.execute("INSERT INTO kept VALUES (?1)", [text])
        })
    }

    async fn kept(writer: &Writer<Connection>) -> i64 {
        let count = writer.write("count", Guard::Alone, 0, |connection, _| {
            connection.query_row("SELECT count(*) FROM kept", [], |row| row.get(0))
        });
        count.await.unwrap()
    }

    #[tokio::test]
    async fn a_full_disk_refuses_everyone_until_a_fresh_connection_can_write() {
        let is_small = Arc::new(AtomicBool::new(true));
        let (_dir, writer) = start(WriterLimits::default(), &is_small);
        keep(&writer, "small".into()).await.unwrap();
        let error = keep(&writer, "x".repeat(100_000)).await.unwrap_err();
        assert!(matches!(error, StoreError::Down { .. }), "{error}");
        assert!(!writer.is_up());
        assert!(matches!(keep(&writer, "small".into()).await, Err(StoreError::Down { .. })));
        is_small.store(false, Ordering::SeqCst);
        while !writer.is_up() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        keep(&writer, "x".repeat(100_000)).await.unwrap();
        assert_eq!(kept(&writer).await, 2, "what was answered with an error is not there");
    }

    #[tokio::test]
    async fn a_commit_that_hangs_is_noticed_without_traffic_until_it_ends() {
        let (_dir, writer) = start(WriterLimits::default(), &Arc::default());
        let (hang, hangs) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let hanging = writer.write("hang", Guard::Alone, 0, move |_, _| {
            hang.send(()).unwrap();
            Ok(ended.recv().is_ok())
        });
        hangs.recv().unwrap();
        let later = tokio::time::Instant::now() + HANGS_AFTER + Duration::from_secs(1);
        assert!(writer.is_up(), "it has not taken long yet");
        assert!(!writer.is_up_at(later));
        end.send(()).unwrap();
        assert!(hanging.await.unwrap());
        assert!(writer.is_up_at(later), "no commit runs");
    }

    #[tokio::test]
    async fn a_step_that_fails_alone_leaves_its_group_alone() {
        let (_dir, writer) = start(WriterLimits::default(), &Arc::default());
        let fails = writer.write("fail", Guard::Alone, 0, |connection, _| {
            connection.execute("INSERT INTO kept VALUES ('half')", [])?;
            connection.execute("INSERT INTO nowhere VALUES (1)", [])
        });
        let (failed, good) = tokio::join!(fails, keep(&writer, "good".into()));
        assert!(matches!(failed, Err(StoreError::Database { doing: "fail", .. })));
        good.unwrap();
        assert!(writer.is_up());
        assert_eq!(kept(&writer).await, 1);
    }

    #[tokio::test]
    async fn beyond_the_limit_of_queued_bytes_a_write_is_refused_at_once() {
        let (_dir, writer) = start(WriterLimits { queued_bytes_max: 10 }, &Arc::default());
        let error = keep(&writer, "x".repeat(11)).await.unwrap_err();
        assert!(matches!(error, StoreError::Full { retry_after_s: 1.., .. }), "{error}");
        keep(&writer, "x".repeat(10)).await.unwrap();
        keep(&writer, "x".repeat(10)).await.unwrap();
    }

    #[tokio::test]
    async fn a_writer_that_panics_is_down_and_stops_the_server() {
        let dir = tempfile::tempdir().unwrap();
        let mut host = SmallDisk { path: dir.path().join("db"), is_small: Arc::default() };
        let (connection, supervisor) = (host.open().unwrap(), Supervisor::default());
        let limits = WriterLimits::default();
        let writer = Writer::start("writer", limits, connection, host, &supervisor).unwrap();
        keep(&writer, "before".into()).await.unwrap();
        let panics = writer.write("panic", Guard::Alone, 0, |_, _| -> rusqlite::Result<()> {
            unreachable!("a bug")
        });
        let (panicked, other) = tokio::join!(panics, keep(&writer, "in the same group".into()));
        assert!(matches!(panicked, Err(StoreError::Down { .. })), "{panicked:?}");
        assert!(matches!(other, Err(StoreError::Down { .. })), "{other:?}");
        let failure = supervisor.failed().await;
        assert_eq!(failure.name, "writer");
        assert!(failure.panic.unwrap().contains("a bug"));
        assert!(!writer.is_up());
        assert!(matches!(keep(&writer, "late".into()).await, Err(StoreError::Down { .. })));
        let connection = Connection::open(dir.path().join("db")).unwrap();
        let kept: i64 =
            connection.query_row("SELECT count(*) FROM kept", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 1, "its group was rolled back");
    }

    #[tokio::test]
    async fn a_closed_writer_finishes_what_is_queued_and_takes_no_more() {
        let (dir, writer) = start(WriterLimits::default(), &Arc::default());
        let last = keep(&writer, "last".into());
        let (last, closed) = tokio::join!(last, writer.close());
        last.unwrap();
        closed.unwrap();
        assert!(matches!(keep(&writer, "late".into()).await, Err(StoreError::Down { .. })));
        let connection = Connection::open(dir.path().join("db")).unwrap();
        let kept: i64 =
            connection.query_row("SELECT count(*) FROM kept", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 1);
    }
}
