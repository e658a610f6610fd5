//! Opening a database: its settings and its migrations.

use std::path::{Path, PathBuf};

use refinery::{Migration, Runner};
use rusqlite::{Connection, OpenFlags};

use crate::system::private_file;

/// A database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite reported an error.
    #[error("open database {}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// Its file cannot be created, or is something else than a file.
    #[error("open database {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: std::io::Error,
    },
    /// It was opened and takes no write.
    #[error("write to the database")]
    Probe {
        /// SQLite's error.
        #[source]
        source: rusqlite::Error,
    },
    /// A newer version of Lamplight wrote it.
    #[error(
        "open database {}: a newer lamplight wrote it (schema {found}; this one knows up to {known}). \
         Run that version, or give this one another directory with --data",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its schema.
        found: i64,
        /// The newest version that this binary knows.
        known: i64,
    },
    /// An earlier version of Lamplight wrote it, and whoever opens it only reads.
    #[error(
        "read database {}: an earlier lamplight wrote it (schema {found}; this one reads {known}). \
         Start the server of this version once, which brings it up to date, or use that version",
        path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// The version of its schema.
        found: i64,
        /// The version that this binary reads.
        known: i64,
    },
    /// The server that wrote it ended in the middle of a commit, and whoever opens it only reads.
    #[error(
        "read database {}: the server ended in the middle of a commit. Start the server once, which \
         completes what was begun",
        path.display()
    )]
    Unfinished {
        /// The file.
        path: PathBuf,
    },
    /// The schema could not be brought up to date.
    #[error("bring database {} up to date", path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: Box<refinery::Error>,
    },
    /// Its writer thread did not start.
    #[error("start the writer of database {}", path.display())]
    Thread {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: std::io::Error,
    },
}

/// One step of a schema: its name, `V<version>__<what>`, and its SQL.
pub(crate) type Step = (&'static str, &'static str);

/// The layout of a database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// The page size, in bytes. It takes effect when the database is created.
    pub(crate) page_bytes: u32,
    /// The page cache of its writer, in KiB.
    pub(crate) cache_kib: u32,
}

/// How large the write-ahead log grows before the writer checkpoints it. A checkpoint costs two
/// syncs, so it should be rare beside commits. Recovering the log after a crash takes well under a
/// second.
const WAL_BYTES: u32 = 32 * 1024 * 1024;

/// How long a connection waits for a lock that another one holds, in milliseconds.
pub(crate) const BUSY_MS: u32 = 5_000;

/// Opens `path` for its one writer, and creates it if it does not exist. Every commit is synced.
///
/// A new file is for the user of the process only. SQLite gives its log and its index the mode of
/// the database.
pub(crate) fn open_writer(path: &Path, layout: Layout) -> Result<Connection, OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let Layout { page_bytes, cache_kib } = layout;
    let wal_pages = WAL_BYTES / page_bytes;
    private_file::ensure(path)
        .map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    let connection = open_file(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(sqlite)?;
    connection
        .execute_batch(&format!(
            "PRAGMA page_size = {page_bytes}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = {wal_pages}; PRAGMA journal_size_limit = {};
             PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = {BUSY_MS};
             PRAGMA cache_size = -{cache_kib};",
            2 * WAL_BYTES
        ))
        .map_err(sqlite)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens `path`, which must exist, for checkpoints.
pub(crate) fn open_checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open_file(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -256;
         PRAGMA busy_timeout = 0;",
    )?;
    Ok(connection)
}

/// Opens `path` for reading only.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open_file(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch(
        "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;
         PRAGMA busy_timeout = 5000; PRAGMA cache_size = -2048;",
    )?;
    Ok(connection)
}

/// Opens `path`, which must exist and must not be a link.
fn open_file(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Connection::open_with_flags(in_real_folder(path), flags)
}

/// The same path without links on the way to the file, which an operator may have put there, and
/// which SQLite would refuse, too.
#[cfg(unix)]
fn in_real_folder(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match (folder.unwrap_or(Path::new(".")).canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// SQLite looks at no links on Windows.
#[cfg(windows)]
fn in_real_folder(path: &Path) -> PathBuf {
    path.to_owned()
}

/// The version that the last of `steps` leads to, which begins its name. 0 without any.
pub(crate) fn version(steps: &[Step]) -> i64 {
    let number = |(name, _): &Step| name.strip_prefix('V')?.split_once("__")?.0.parse().ok();
    steps.last().and_then(number).unwrap_or(0)
}

/// Migrates the schema. Refuses a database that a newer version wrote.
pub(crate) fn migrate(
    connection: &mut Connection,
    path: &Path,
    steps: &[Step],
) -> Result<(), OpenError> {
    let failed = |source| OpenError::Migrate { path: path.to_owned(), source: Box::new(source) };
    let migrations = steps
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    let known = version(steps);
    let found = schema_version(connection)
        .map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })?;
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    // Grouped: the migrations and their record are one transaction, so that a crash leaves all or
    // none.
    Runner::new(&migrations).set_grouped(true).run(connection).map_err(failed)?;
    Ok(())
}

/// Checks that the schema is the newest one, for who opens the database to read it.
pub(crate) fn check_current(
    connection: &Connection,
    path: &Path,
    steps: &[Step],
) -> Result<(), OpenError> {
    let (path, known) = (path.to_owned(), version(steps));
    match schema_version(connection) {
        Ok(found) if found > known => Err(OpenError::Newer { path, found, known }),
        Ok(found) if found < known => Err(OpenError::Older { path, found, known }),
        Ok(_) => Ok(()),
        Err(source) => Err(OpenError::Sqlite { path, source }),
    }
}

/// The last migration that a database has. 0 without any.
pub(crate) fn schema_version(connection: &Connection) -> rusqlite::Result<i64> {
    let fresh: bool = connection.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history')",
        [],
        |row| row.get(0),
    )?;
    if fresh {
        return Ok(0);
    }
    connection.query_row(
        "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
        [],
        |row| row.get(0),
    )
}
