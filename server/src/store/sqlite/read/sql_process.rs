//! Runs statements of users, each in a process that is killed when its time is up or when nobody
//! waits for it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::sql_ending::ended_by;
use super::sql_message::{Answer, Request};
use crate::store::{SqlError, SqlQuery, SqlTable, StoreError};

/// The hidden command of the binary that runs one statement.
const COMMAND: &str = "sql-worker";
/// How much longer than its limit a statement may take to end by itself, with a better message.
const GRACE: Duration = Duration::from_millis(500);
/// What an answer may have beside its rows, in bytes.
const ANSWER_BYTES: u64 = 1024 * 1024;
/// Variables that the process gets: where temporary files go, and what libraries of Windows need.
const KEPT_VARIABLES: [&str; 3] = ["SQLITE_TMPDIR", "TMPDIR", "SystemRoot"];
/// JSON in JSON: each quotation mark and backslash takes a second byte.
const ESCAPED: u64 = 2;

/// What runs statements.
#[derive(Debug, Clone)]
pub(crate) struct SqlProcesses {
    program: PathBuf,
    store: PathBuf,
}

impl SqlProcesses {
    /// Runs statements on the database `store`.
    pub(crate) fn new(store: PathBuf) -> Self {
        Self { program: this_program(), store }
    }

    /// Runs them with another binary of Lamplight.
    pub(crate) fn set_program(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// Runs a statement. Dropping the future kills its process.
    pub(crate) async fn run(
        &self,
        query: SqlQuery,
    ) -> Result<Result<SqlTable, SqlError>, StoreError> {
        let time_max = query.time_max;
        let process = KilledOnDrop::default();
        let (slot, run) = (Arc::clone(&process.0), self.clone());
        let running = tokio::task::spawn_blocking(move || run.blocking(&slot, query));
        match tokio::time::timeout(time_max + GRACE, running).await {
            Ok(Ok(ran)) => ran.map_err(|error| StoreError::database("run a statement", error)),
            Ok(Err(_)) => Err(StoreError::Down { retry_after_s: 1 }),
            Err(_) => Ok(Err(SqlError::TooSlow(time_max))),
        }
    }

    fn blocking(
        &self,
        slot: &Mutex<Slot>,
        query: SqlQuery,
    ) -> Result<Result<SqlTable, SqlError>, std::io::Error> {
        let answer_bytes_max = ESCAPED * query.bytes_max as u64 + ANSWER_BYTES;
        let time_max = query.time_max;
        let name = self.store.file_name().unwrap_or_default().to_string_lossy();
        let request = serde_json::to_vec(&Request::new(name.into_owned(), query))?;
        let Some((mut input, output)) = self.start(slot)? else {
            return Ok(Err(SqlError::TooSlow(time_max)));
        };
        let mut answer = Vec::new();
        // It may have been killed already, and then its status says so.
        let asked = input.write_all(&request);
        drop(input);
        output.take(answer_bytes_max).read_to_end(&mut answer)?;
        let status = slot.lock().unwrap_or_else(PoisonError::into_inner).finish()?;
        match status {
            Some(status) if status.success() && asked.is_ok() => {
                let answer: Answer = serde_json::from_slice(&answer)?;
                answer.into_result().map_err(std::io::Error::other)
            }
            Some(status) => match ended_by(status, time_max) {
                Some(limit) => Ok(Err(limit)),
                None => Err(std::io::Error::other(format!("`{COMMAND}` ended with {status}"))),
            },
            None => Ok(Err(SqlError::TooSlow(time_max))),
        }
    }

    /// Starts a process. `None` if nobody waits for it any more.
    fn start(
        &self,
        slot: &Mutex<Slot>,
    ) -> std::io::Result<Option<(std::process::ChildStdin, std::process::ChildStdout)>> {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*slot, Slot::Killed) {
            return Ok(None);
        }
        let mut command = Command::new(&self.program);
        // It needs no setting of the server, and none of its secrets.
        command.arg(COMMAND).env_clear();
        for kept in KEPT_VARIABLES {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        if cfg!(target_os = "linux") {
            // The allocator takes a GiB at once, which is over the limit of the process, unless it
            // is told to take memory when it is needed.
            command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
        }
        let folder = self.store.parent().filter(|folder| !folder.as_os_str().is_empty());
        command.current_dir(folder.unwrap_or(Path::new(".")));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = spawn(&mut command)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        *slot = Slot::Running(child);
        Ok(pipes)
    }
}

/// Starts a process that does not outlive this one: the end of its input ends it, unless it is in
/// the middle of a statement, which its limit of processor time ends.
#[cfg(unix)]
fn spawn(command: &mut Command) -> std::io::Result<Child> {
    command.spawn()
}

/// Starts a process that the system kills when this one ends, however it does. Without a console,
/// it gets no Ctrl-C, and opens no window where the server has none.
#[cfg(windows)]
fn spawn(command: &mut Command) -> std::io::Result<Child> {
    use std::os::windows::process::CommandExt;
    use std::sync::OnceLock;

    use lamplight_windows::KillOnClose;

    /// "Process Creation Flags", learn.microsoft.com.
    const DETACHED_PROCESS: u32 = 0x8;
    static WORKERS: OnceLock<KillOnClose> = OnceLock::new();

    let workers = if let Some(workers) = WORKERS.get() {
        workers
    } else {
        let new = KillOnClose::new()?;
        WORKERS.get_or_init(|| new)
    };
    let mut child = command.creation_flags(DETACHED_PROCESS).spawn()?;
    // Before it gets its statement, after which it sets limits of its own.
    if let Err(error) = workers.add(&child) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok(child)
}

/// The binary that runs now. On Linux it is the same one even after its file was replaced.
fn this_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return PathBuf::from("/proc/self/exe");
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("lamplight"))
}

/// A statement's process.
#[derive(Debug, Default)]
enum Slot {
    #[default]
    NotStarted,
    Running(Child),
    Killed,
}

impl Slot {
    fn kill(&mut self) {
        if let Self::Running(child) = self {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        *self = Self::Killed;
    }

    /// Waits for the process, which has closed its output. `None` if it was killed.
    fn finish(&mut self) -> std::io::Result<Option<ExitStatus>> {
        match self {
            Self::Running(child) => child.wait().map(Some),
            Self::NotStarted | Self::Killed => Ok(None),
        }
    }
}

/// Kills a process once nobody waits for it.
#[derive(Debug, Default)]
struct KilledOnDrop(Arc<Mutex<Slot>>);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }
}
