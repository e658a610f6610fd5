//! Making the databases of a data directory to move to.

use std::path::Path;

use super::directory::{Directory, DirectoryError};
use crate::store::sqlite::{open_as, payloads, store};
use crate::store::{Opening, WriterLimits};
use crate::system::supervisor::Supervisor;

/// Opens a directory to move to, and makes its databases if they are not there.
pub(super) async fn open(
    intake: &Path,
    store_db: &Path,
    folder: &Path,
) -> Result<Directory, DirectoryError> {
    let (limits, supervisor) = (WriterLimits::default(), Supervisor::default());
    let storage = open_as(intake, store_db, limits, Opening::Change, &supervisor)?;
    storage.close().await?;
    drop(storage);
    Ok(Directory {
        folder: folder.to_owned(),
        intake: payloads::open_to_write(intake)?,
        store: crate::store::sqlite::file::connection::open_writer(store_db, store::LAYOUT)?,
        week: None,
        removed: Vec::new(),
    })
}
