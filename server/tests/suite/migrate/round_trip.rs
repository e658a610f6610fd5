//! What moves to a database and back is what it was.

use super::dump::assert_same;
use super::{Watched, copied, database, directory, moved, rich};
use crate::backup::violations;
use crate::harness::postgres::TestDatabase;
use crate::store::sqlite::upgrade::server::{NOW, Server};
use crate::store::sqlite::upgrade::{fill, fill_weeks, leave_all};

#[tokio::test]
async fn everything_comes_back_as_it_left() {
    let root = tempfile::tempdir().unwrap();
    let (data, back) = (root.path().join("data"), root.path().join("back"));
    std::fs::create_dir(&data).unwrap();
    rich::make(&data).await;
    let before = copied(&data, &root.path().join("before"));
    let target = TestDatabase::create().await;

    let mut watched = Watched::default();
    let there = moved(directory(&data), database(&target.url), &mut watched).await.unwrap();
    assert!(there.copied > 5_000 && there.compared > 5_000, "{there:?}");
    let said = watched.steps.join("\n");
    for step in [
        "move payloads",
        "move events of 2023-W46",
        "compare producers",
        "takes events from now on",
    ] {
        assert!(said.contains(step), "{step}: {said}");
    }
    // What the move changes in the directory itself is only where an early version keeps things.
    assert_same(&before, &data);

    let mut watched = Watched::default();
    let here = moved(database(&target.url), directory(&back), &mut watched).await.unwrap();
    assert_eq!(here.compared, here.copied);
    assert_same(&before, &back);
    assert_eq!(violations(&back), violations(&before));

    // Processing goes on with the same work.
    let mut left = Vec::new();
    for folder in [&before, &back] {
        let server = Server::open(folder).unwrap();
        server.process(NOW * 2).await;
        left.push(format!("{:?}", server.storage.payload_queue.backlog().await.unwrap()));
        server.close().await;
    }
    assert_eq!(left[0], left[1]);
}

#[tokio::test]
async fn what_early_versions_wrote_is_moved() {
    let root = tempfile::tempdir().unwrap();
    let today = root.path().join("today");
    std::fs::create_dir(&today).unwrap();
    fill_weeks(&today).await;
    fill(&today).await;
    for (intake, store) in [(1, 1), (2, 5), (3, 7), (4, 8), (4, 12)] {
        let data = root.path().join(format!("data-{store}"));
        let back = root.path().join(format!("back-{store}"));
        std::fs::create_dir(&data).unwrap();
        leave_all(&today, &data, intake, store);
        let target = TestDatabase::create().await;
        moved(directory(&data), database(&target.url), &mut Watched::default()).await.unwrap();
        moved(database(&target.url), directory(&back), &mut Watched::default()).await.unwrap();
        assert_same(&data, &back);
        assert_eq!(violations(&back), violations(&data), "schema {store}");
    }
}

#[tokio::test]
async fn the_empty_directory_of_a_new_server_can_move_too() {
    let root = tempfile::tempdir().unwrap();
    let (data, back) = (root.path().join("data"), root.path().join("back"));
    std::fs::create_dir(&data).unwrap();
    Server::open(&data).unwrap().close().await;
    let before = copied(&data, &root.path().join("before"));
    let target = TestDatabase::create().await;
    moved(directory(&data), database(&target.url), &mut Watched::default()).await.unwrap();
    moved(database(&target.url), directory(&back), &mut Watched::default()).await.unwrap();
    assert_same(&before, &back);
    assert_eq!(violations(&back), [""; 0]);
}
