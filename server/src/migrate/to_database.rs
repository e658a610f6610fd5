//! From a data directory to a database.

use std::path::Path;

use uuid::Uuid;

use super::copy::{compare, copy};
use super::side::Side;
use super::{MigrateError, Migrated, Migration, Watch};
use crate::store::moving::{Batch, Part};
use crate::store::postgres::DatabaseUrl;
use crate::store::postgres::moving::{Direction, Installation, Record};
use crate::store::sqlite::moving::Directory;
use crate::system::data_dir::{DataDir, DataDirError, MoveState, Moved};

/// Moves everything in a directory to a database.
pub(super) async fn run(
    migration: &Migration,
    from: &Path,
    to: &DatabaseUrl,
    watch: &mut dyn Watch,
) -> Result<Migrated, MigrateError> {
    if !from.join("intake.db").is_file() {
        return Err(DataDirError::NoData { path: from.to_owned() }.into());
    }
    let dir = DataDir::open_for_migration(from)?;
    let installation = Installation::open(to).await?;
    let moved = mark(migration, from, to, &installation).await?;
    let record = Record {
        id: moved.id.parse().unwrap_or(migration.id),
        direction: Direction::Arriving,
        place: from.display().to_string(),
        begun_ms: moved.begun_ms,
        ended_ms: None,
    };
    let known = installation.records().await?;
    let has_ended = known.iter().any(|it| it.id == record.id && it.ended_ms.is_some());
    let mut migrated = Migrated { copied: 0, compared: 0 };
    if !has_ended {
        let is_known = known.iter().any(|it| it.id == record.id);
        let begun = begin(&dir, &installation, &record).await;
        if begun.is_err() && !is_known {
            Moved::remove(from)?;
        }
        let (directory, parts) = begun?;
        watch.note(
            "the database takes events from now on: start servers on it, and point clients at them. They process \
             what they take once everything is moved",
        );
        let mut source = Side::Directory(Box::new(directory));
        let mut target = Side::Database(Box::new(installation), record.id);
        migrated.copied = copy(&mut source, &mut target, &parts, watch).await?;
        watch.note(&format!("moved {} rows; comparing both sides", migrated.copied));
        migrated.compared = compare(&mut source, &mut target, &parts, watch).await?;
        if let Side::Database(installation, _) = &target {
            installation.finish(&record, migration.now_ms).await?;
            installation.close();
        }
    }
    Moved { state: MoveState::Left, ..moved }.write(from)?;
    Ok(migrated)
}

/// Records in the directory that it is being left, before anything is.
async fn mark(
    migration: &Migration,
    from: &Path,
    to: &DatabaseUrl,
    installation: &Installation,
) -> Result<Moved, MigrateError> {
    let place = to.to_string();
    if let Some(moved) = Moved::read(from)? {
        let id: Option<Uuid> = moved.id.parse().ok();
        let is_here = installation.records().await?.iter().any(|it| Some(it.id) == id);
        let is_same = moved.state == MoveState::Leaving && moved.place == place;
        if moved.state == MoveState::Arriving || !(is_here || is_same) {
            let (path, place) = (from.to_owned(), moved.place);
            return Err(MigrateError::Elsewhere { path, place });
        }
        return Ok(moved);
    }
    let moved = Moved {
        state: MoveState::Leaving,
        id: migration.id.to_string(),
        place,
        begun_ms: migration.now_ms,
    };
    moved.write(from)?;
    Ok(moved)
}

/// Begins in the database. Returns the directory, and all of its parts.
async fn begin(
    dir: &DataDir,
    installation: &Installation,
    record: &Record,
) -> Result<(Directory, Vec<Part>), MigrateError> {
    let mut directory =
        Directory::open_source(&dir.intake_db(), &dir.store_db(), dir.path()).await?;
    let parts = directory.parts()?;
    let mut needed_first = Vec::new();
    for part in parts.iter().copied().filter(|part| part.table.is_needed_first()) {
        let (mut whole, mut after) = (Batch::default(), None);
        loop {
            let batch = directory.read(part, after.as_ref())?;
            whole.rows.extend(batch.rows);
            after = batch.next;
            if after.is_none() {
                break;
            }
        }
        needed_first.push((part, whole));
    }
    installation.begin_arriving(record, needed_first).await?;
    Ok((directory, parts))
}
