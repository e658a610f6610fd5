//! The process that runs one statement, `lamplight sql-worker`, and the limits that it sets for
//! itself before it reads the statement.
//!
//! Whatever a statement does, it takes a bounded amount of memory, processor time and disk, and it
//! can be killed at any moment. It reads the databases as any other reader does.

use std::io::{self, Read, Write};
use std::path::Path;

use rusqlite::Connection;

use super::sql_message::{Answer, Request};
use super::user_sql;
use crate::store::SqlQuery;
use crate::system::background::lower_thread_priority;

/// The most memory that SQLite takes for one statement, in bytes.
pub(crate) const MEMORY_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The size of each temporary file, in bytes.
#[cfg(unix)]
pub(crate) const TEMPORARY_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The most temporary files that one statement has at a time.
#[cfg(unix)]
pub(crate) const TEMPORARIES_MAX: u64 = 4;
/// What the process takes beside the statement: its own data, and the answer.
const OWN_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The longest request, in bytes. JSON may spell each byte of a statement as six.
const REQUEST_BYTES_MAX: u64 = 1024 * 1024;

/// Runs the statement in `input`, and writes how it ended to `output`.
///
/// # Errors
/// When `input` cannot be read or `output` cannot be written to.
pub fn run(input: impl Read, mut output: impl Write) -> io::Result<()> {
    lower_thread_priority();
    let request: Request = serde_json::from_reader(input.take(REQUEST_BYTES_MAX))?;
    let (file, query) = request.into_query();
    let answer = match answer(Path::new(&file), &query) {
        Ok(answer) => answer,
        Err(error) => Answer::Failed(error.to_string()),
    };
    serde_json::to_writer(&mut output, &answer)?;
    output.flush()
}

fn answer(store: &Path, query: &SqlQuery) -> Result<Answer, Box<dyn std::error::Error>> {
    limits::of_process(query.time_max)?;
    // The limit is that of the process, whichever connection sets it.
    Connection::open_in_memory()?
        .execute_batch(&format!("PRAGMA hard_heap_limit = {MEMORY_BYTES_MAX}"))?;
    let opened = user_sql::open(store, query)?;
    // Windows limits no files, so there are none: see `user_sql`.
    #[cfg(unix)]
    limits::of_files()?;
    Ok(opened.run(query).into())
}

#[cfg(unix)]
mod limits {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    use rustix::process::{Resource, Rlimit, setrlimit};

    use super::{MEMORY_BYTES_MAX, OWN_BYTES_MAX, TEMPORARIES_MAX, TEMPORARY_BYTES_MAX};

    /// Limits that hold for everything. The system ends the process at each of them.
    pub(super) fn of_process(time_max: Duration) -> io::Result<()> {
        limit(Resource::Data, MEMORY_BYTES_MAX + OWN_BYTES_MAX)?;
        limit(Resource::Fsize, TEMPORARY_BYTES_MAX)?;
        limit(Resource::Core, 0)?;
        // The server stops it earlier, unless the server was killed.
        limit(Resource::Cpu, time_max.as_secs() + 2)
    }

    /// How many more files the process may open.
    pub(super) fn of_files() -> io::Result<()> {
        let next = File::open("/dev/null")?.as_raw_fd();
        limit(Resource::Nofile, u64::try_from(next).unwrap_or(0) + TEMPORARIES_MAX)
    }

    /// A limit that cannot be raised again, unless a lower one holds already.
    fn limit(resource: Resource, maximum: u64) -> io::Result<()> {
        let allowed = rustix::process::getrlimit(resource).maximum;
        let lower = Some(allowed.map_or(maximum, |allowed| allowed.min(maximum)));
        Ok(setrlimit(resource, Rlimit { current: lower, maximum: lower })?)
    }
}

#[cfg(windows)]
mod limits {
    use std::io;
    use std::time::Duration;

    use lamplight_windows::ProcessLimits;

    use super::{MEMORY_BYTES_MAX, OWN_BYTES_MAX};

    /// Limits that hold for everything. The system refuses memory, and ends the process when its
    /// time is up.
    pub(super) fn of_process(time_max: Duration) -> io::Result<()> {
        let memory_bytes = MEMORY_BYTES_MAX + OWN_BYTES_MAX;
        // The server stops it earlier, and the system ends it with the server.
        let cpu = time_max + Duration::from_secs(2);
        ProcessLimits { memory_bytes, cpu }.set()
    }
}
