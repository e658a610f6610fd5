//! A migration that is interrupted at every batch goes on where it stopped.

use std::time::Duration;

use lamplight_server::migrate::{MigrateError, Place};
use lamplight_server::system::data_dir::DataDirError;

use super::dump::assert_same;
use super::{Watched, copied, database, directory, moved, rich};
use crate::harness::postgres::TestDatabase;

/// Moves everything, interrupted after each `batches` batches. Gives how often it was.
async fn in_pieces(from: &Place, to: &Place, batches: usize) -> u32 {
    let mut interrupted = 0;
    loop {
        let mut watched = Watched::stopping_after(batches);
        match moved(from.clone(), to.clone(), &mut watched).await {
            Ok(_) => return interrupted,
            Err(MigrateError::Stopped) => interrupted += 1,
            // A process that another test starts has a copy of the lock until it runs its program.
            Err(MigrateError::DataDir(DataDirError::Locked { .. })) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("after {interrupted} interruptions: {error:?}"),
        }
    }
}

#[tokio::test]
async fn a_migration_that_stops_at_every_batch_moves_everything_once() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    std::fs::create_dir(&data).unwrap();
    rich::make(&data).await;
    for batches in [1, 3] {
        let source = copied(&data, &root.path().join(format!("source-{batches}")));
        let back = root.path().join(format!("back-{batches}"));
        let target = TestDatabase::create().await;
        let there = in_pieces(&directory(&source), &database(&target.url), batches).await;
        let here = in_pieces(&database(&target.url), &directory(&back), batches).await;
        assert!(there > 10 && here > 10, "{there} and {here} interruptions");
        assert_same(&data, &back);
    }
}
