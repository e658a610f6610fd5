//! Copying parts, and comparing them.

use super::side::Side;
use super::{MigrateError, Watch};
use crate::store::moving::{Checksum, Part};

/// Copies what the target does not have. Returns how many rows that were.
pub(super) async fn copy(
    source: &mut Side,
    target: &mut Side,
    parts: &[Part],
    watch: &mut dyn Watch,
) -> Result<u64, MigrateError> {
    let mut copied = 0;
    for part in parts {
        let Some(mut after) = target.progress(*part).await? else { continue };
        let rows = source.count(*part).await?;
        watch.begin(&format!("move {part}"), rows);
        let mut done = 0;
        loop {
            let batch = source.read(*part, after.as_ref()).await?;
            done += batch.rows.len() as u64;
            after = batch.next.clone();
            target.write(*part, batch).await?;
            if !watch.reach(done) {
                return Err(MigrateError::Stopped);
            }
            if after.is_none() {
                break;
            }
        }
        copied += done;
    }
    Ok(copied)
}

/// Compares parts on both sides. Returns how many rows each has.
pub(super) async fn compare(
    source: &mut Side,
    target: &mut Side,
    parts: &[Part],
    watch: &mut dyn Watch,
) -> Result<u64, MigrateError> {
    let mut compared = 0;
    for part in parts {
        let rows = source.count(*part).await?;
        watch.begin(&format!("compare {part}"), rows.saturating_mul(2));
        let (ours, theirs) = sums(source, target, *part, watch).await?;
        if ours != theirs {
            return Err(MigrateError::Differs {
                part: part.to_string(),
                source_rows: ours.rows,
                target_rows: theirs.rows,
            });
        }
        compared += ours.rows;
    }
    Ok(compared)
}

/// What the rows of a part add up to on both sides.
async fn sums(
    source: &mut Side,
    target: &mut Side,
    part: Part,
    watch: &mut dyn Watch,
) -> Result<(Checksum, Checksum), MigrateError> {
    let (mut ours, mut theirs, mut after) = (Checksum::default(), Checksum::default(), None);
    let mut is_shared = false;
    loop {
        let batch = source.read(part, after.as_ref()).await?;
        // Where servers add rows meanwhile, those of the source are looked up.
        match target.checksum_of(part, &batch.rows).await? {
            Some((shared, sum)) => {
                is_shared = true;
                batch.rows.iter().for_each(|row| ours.add(shared.kept(row)));
                theirs.join(sum);
            }
            None => batch.rows.iter().for_each(|row| ours.add(row)),
        }
        after = batch.next;
        go_on(watch, ours.rows + theirs.rows)?;
        if after.is_none() {
            break;
        }
    }
    if is_shared {
        return Ok((ours, theirs));
    }
    loop {
        let batch = target.read(part, after.as_ref()).await?;
        batch.rows.iter().for_each(|row| theirs.add(row));
        after = batch.next;
        go_on(watch, ours.rows + theirs.rows)?;
        if after.is_none() {
            break;
        }
    }
    Ok((ours, theirs))
}

fn go_on(watch: &mut dyn Watch, done: u64) -> Result<(), MigrateError> {
    if watch.reach(done) { Ok(()) } else { Err(MigrateError::Stopped) }
}
