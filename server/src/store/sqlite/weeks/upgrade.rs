//! Migrates files of events that an earlier version wrote, at the start, before anything reads
//! them.

use std::path::Path;

use rusqlite::Connection;

use super::catalog;
use super::open::{SCHEMA, open_file, path};
use crate::store::sqlite::OpenError;
use crate::store::sqlite::file::connection::version;

/// Migrates the files of events that are behind, one after the other, because readers open them
/// read-only. Each is one transaction, and the next start continues after a crash. A file that does
/// not exist is skipped.
///
/// Takes seconds for each million events.
pub(crate) fn run(
    store: &Connection,
    path_of_store: &Path,
    folder: &Path,
) -> Result<(), OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path_of_store.to_owned(), source };
    let behind = catalog::behind(store, version(&SCHEMA)).map_err(sqlite)?;
    if !behind.is_empty() {
        tracing::info!(
            files = behind.len(),
            "an earlier version wrote files of events; bringing them up to date"
        );
    }
    for (week, events) in behind {
        let path = path(folder, week);
        if path.exists() {
            // For the log only.
            let begun = tokio::time::Instant::now();
            drop(open_file(&path)?);
            let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(%week, events, took_ms, "migrated a file of events");
        }
        catalog::caught_up(store, week, version(&SCHEMA)).map_err(sqlite)?;
    }
    Ok(())
}

/// Checks that no file of events is behind, for who only reads them.
pub(crate) fn check(
    store: &Connection,
    path_of_store: &Path,
    folder: &Path,
) -> Result<(), OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path_of_store.to_owned(), source };
    let known = version(&SCHEMA);
    let behind = catalog::behind(store, known).map_err(sqlite)?;
    match behind.into_iter().map(|(week, _)| path(folder, week)).find(|path| path.exists()) {
        Some(path) => Err(OpenError::Older { path, found: known - 1, known }),
        None => Ok(()),
    }
}
