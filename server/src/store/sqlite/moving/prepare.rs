//! Bringing a data directory into the form in which it is moved.

use std::path::Path;

use rusqlite::Connection;

use super::directory::{Directory, DirectoryError};
use super::new_directory;
use crate::store::Week;
use crate::store::sqlite::apply::profiles;
use crate::store::sqlite::tallies;
use crate::store::sqlite::weeks::catalog;
use crate::store::sqlite::weeks::open::path;

/// The most profiles of an early version that one transaction changes.
const PROFILES_MAX: u32 = 500;

/// Opens a directory to move what is in it. Opening it for changes brings every file up to date,
/// ends leases, and counts what earlier versions did not count. What this version still keeps in
/// the form of an earlier one until it is next changed is changed here.
pub(super) async fn open(
    intake: &Path,
    store: &Path,
    folder: &Path,
) -> Result<Directory, DirectoryError> {
    let mut directory = new_directory::open(intake, store, folder).await?;
    let failed = |source| DirectoryError::Write { part: "store.db".to_owned(), source };
    let mut after = 0;
    while let Some(last) =
        profiles::settle_earlier(&mut directory.store, after, PROFILES_MAX).map_err(failed)?
    {
        after = last;
    }
    tallies::settle_log(&mut directory.store).map_err(failed)?;
    directory.removed = catalog::removed(&directory.store).map_err(failed)?;
    Ok(directory)
}

/// The weeks that have a file.
pub(super) fn weeks(store: &Connection, folder: &Path) -> rusqlite::Result<Vec<Week>> {
    let all = (Week::from_number(0), Week::from_number(i32::MAX.cast_unsigned()));
    let mut weeks = catalog::between(store, all, i32::MAX as usize)?;
    weeks.retain(|week| path(folder, *week).exists());
    weeks.reverse();
    Ok(weeks)
}
