//! From a database to a data directory.

use std::path::Path;

use uuid::Uuid;

use super::copy::{compare, copy};
use super::side::Side;
use super::{MigrateError, Migrated, Migration, Watch};
use crate::store::moving::Part;
use crate::store::postgres::DatabaseUrl;
use crate::store::postgres::moving::{Direction, Installation, Record};
use crate::store::sqlite::moving::Directory;
use crate::system::data_dir::{DataDir, DataDirError, MoveState, Moved, has_content};

/// Moves everything in a database to a directory.
pub(super) async fn run(
    migration: &Migration,
    from: &DatabaseUrl,
    to: &Path,
    watch: &mut dyn Watch,
) -> Result<Migrated, MigrateError> {
    let installation = Installation::open(from).await?;
    let dir = DataDir::open_for_migration(to)?;
    let known = installation.records().await?;
    if is_complete(&known, to)? {
        watch.note("everything was moved there before");
        return Ok(Migrated { copied: 0, compared: 0 });
    }
    let moved = mark(migration, from, to, &installation).await?;
    let record = Record {
        id: moved.id.parse().unwrap_or(migration.id),
        direction: Direction::Leaving,
        place: to.display().to_string(),
        begun_ms: moved.begun_ms,
        ended_ms: None,
    };
    let has_ended = known.iter().any(|it| it.id == record.id && it.ended_ms.is_some());
    let is_known = known.iter().any(|it| it.id == record.id);
    let begun = installation.begin_leaving(&record).await;
    if begun.is_err() && !is_known {
        Moved::remove(to)?;
    }
    begun?;
    let parts = installation.parts().await?;
    let directory = Directory::open_target(&dir.intake_db(), &dir.store_db(), dir.path()).await?;
    let mut target = Side::Directory(Box::new(directory));
    let mut source = Side::Database(Box::new(installation), record.id);
    let mut migrated = Migrated { copied: 0, compared: 0 };
    if !has_ended {
        watch.note("nothing in the database changes from now on");
        migrated = fill(&mut source, &mut target, &parts, watch).await?;
    }
    if let Side::Database(installation, _) = &source {
        installation.finish(&record, migration.now_ms).await?;
        installation.close();
    }
    if let Side::Directory(directory) = target {
        directory.finish(&parts)?;
    }
    Moved::remove(to)?;
    Ok(migrated)
}

async fn fill(
    source: &mut Side,
    target: &mut Side,
    parts: &[Part],
    watch: &mut dyn Watch,
) -> Result<Migrated, MigrateError> {
    let copied = copy(source, target, parts, watch).await?;
    watch.note(&format!("moved {copied} rows; comparing both sides"));
    let compared = compare(source, target, parts, watch).await?;
    Ok(Migrated { copied, compared })
}

/// Whether the database was last moved to this directory, and that has ended.
fn is_complete(known: &[Record], to: &Path) -> Result<bool, MigrateError> {
    let place = to.display().to_string();
    let last = known.iter().max_by_key(|record| record.begun_ms);
    let is_here = last.is_some_and(|record| {
        record.direction == Direction::Leaving && record.ended_ms.is_some() && record.place == place
    });
    Ok(is_here && Moved::read(to)?.is_none() && is_filled(to)?)
}

/// Whether anything is in the directory.
fn is_filled(to: &Path) -> Result<bool, MigrateError> {
    let failed = |source| DataDirError::MovedFile { path: to.to_owned(), source };
    Ok(has_content(to).map_err(failed)?)
}

/// Records in the directory that it is not complete, before anything is in it.
async fn mark(
    migration: &Migration,
    from: &DatabaseUrl,
    to: &Path,
    installation: &Installation,
) -> Result<Moved, MigrateError> {
    let place = from.to_string();
    if let Some(moved) = Moved::read(to)? {
        let id: Option<Uuid> = moved.id.parse().ok();
        let is_here = installation.records().await?.iter().any(|it| Some(it.id) == id);
        let is_arriving = moved.state == MoveState::Arriving;
        if !is_arriving || !(is_here || moved.place == place) {
            return Err(MigrateError::Elsewhere { path: to.to_owned(), place: moved.place });
        }
        return Ok(moved);
    }
    if is_filled(to)? {
        return Err(MigrateError::NotEmpty(to.to_owned()));
    }
    let moved = Moved {
        state: MoveState::Arriving,
        id: migration.id.to_string(),
        place,
        begun_ms: migration.now_ms,
    };
    moved.write(to)?;
    Ok(moved)
}
