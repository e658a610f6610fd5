//! What cannot be moved, and what is no longer served.

use std::path::Path;

use lamplight_server::migrate::{MigrateError, Place, undo};
use lamplight_server::store::{
    DeliveryAsk, DeliveryOrder, EventIdentity, LeaseToken, Opening, Route, Storage, WriterLimits,
    postgres,
};
use lamplight_server::system::supervisor::Supervisor;
use lamplight_wire::event::Kind;

use super::{Watched, command, database, directory, moved, said};
use crate::harness;
use crate::harness::postgres::TestDatabase;
use crate::harness::postgres::urls;
use crate::store::sample::{good, plan, shared};
use crate::store::sqlite::upgrade::server::{NOW, Server};

async fn new_directory(path: &Path) {
    std::fs::create_dir(path).unwrap();
    let server = Server::open(path).unwrap();
    server.stage(0..4, 0).await;
    server.process(NOW + 100_000).await;
    server.close().await;
}

/// A server on a database, with one sink.
async fn server_on(url: &str) -> Storage {
    let (types, only, except) = (vec![Kind::Default], Vec::new(), Vec::new());
    let route = Route { sink: "a".into(), kind: "file", types, only, except };
    let (limits, opening) = (WriterLimits::default(), Opening::Serve(vec![route]));
    postgres::open_as(&urls(url), limits, opening, &Supervisor::default()).await.unwrap()
}

/// Stores three events as the payload with this number.
async fn store(storage: &Storage, number: u128) {
    let events = vec![(EventIdentity::Anonymous, good("a")); 3];
    storage.events.apply(shared([plan(number, events)]), NOW).await.unwrap();
}

async fn refusal(from: &str, to: &str) -> String {
    let (from, to): (Place, Place) = (from.parse().unwrap(), to.parse().unwrap());
    let error = moved(from, to, &mut Watched::default()).await.unwrap_err();
    error.to_string()
}

#[tokio::test]
async fn a_database_that_was_used_or_takes_part_in_another_migration_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (data, other) = (root.path().join("data"), root.path().join("other"));
    new_directory(&data).await;
    new_directory(&other).await;
    let (from, from_other) = (data.to_str().unwrap(), other.to_str().unwrap());

    let used = TestDatabase::create().await;
    let storage = server_on(&used.url).await;
    store(&storage, 1).await;
    storage.close().await.unwrap();
    let error = refusal(from, &used.url).await;
    assert!(error.contains("its table applied has rows"), "{error}");
    assert!(!data.join("moved.json").exists(), "the directory is still served");

    let target = TestDatabase::create().await;
    let stopped =
        moved(directory(&data), database(&target.url), &mut Watched::stopping_after(2)).await;
    assert!(matches!(stopped, Err(MigrateError::Stopped)));
    let error = refusal(from_other, &target.url).await;
    assert!(error.contains("another migration, of ") && error.contains(from), "{error}");
    assert!(!other.join("moved.json").exists());
    let second = TestDatabase::create().await;
    let error = refusal(from, &second.url).await;
    assert!(
        error.contains("takes part in another migration") && error.contains("--undo"),
        "{error}"
    );
    let error = refusal(&target.url, from_other).await;
    assert!(error.contains("is not empty"), "{error}");
    let back = root.path().join("back");
    let error = refusal(&target.url, back.to_str().unwrap()).await;
    assert!(error.contains("has not ended"), "{error}");
    let error = refusal(from, from_other).await;
    assert!(error.contains("one must be a data directory"), "{error}");
    let error = refusal(root.path().join("nothing").to_str().unwrap(), &second.url).await;
    assert!(error.contains("there is no intake.db"), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    new_directory(&data).await;
    let target = TestDatabase::create().await;
    let client = target.client().await;
    let sql = "UPDATE refinery_schema_history SET version = version + 7";
    client.batch_execute(sql).await.unwrap();
    let sql = "SELECT max(version) FROM refinery_schema_history";
    let newer: i32 = client.query_one(sql, &[]).await.unwrap().get(0);
    let error = refusal(data.to_str().unwrap(), &target.url).await;
    let expected = format!("it has schema {newer}, and this version of lamplight knows");
    assert!(error.contains(&expected), "{error}");
    // Servers of this version may work with it, and it may have tables that this one does not know.
    client.batch_execute(&format!("UPDATE compatibility SET version = {newer}")).await.unwrap();
    let error = refusal(data.to_str().unwrap(), &target.url).await;
    assert!(
        error.contains(&expected) && error.contains("does not know all that there is to move"),
        "{error}"
    );
}

/// What a server says that does not start.
fn start(data: &Path, url: Option<&str>) -> String {
    let mut command = harness::command("serve", data);
    if let Some(url) = url {
        command.env("LAMPLIGHT_DATABASE_URL", url);
    }
    let (code, err) = said(command);
    assert_eq!(code, Some(1), "{err}");
    err
}

#[tokio::test(flavor = "multi_thread")]
async fn no_server_uses_a_side_that_was_left_or_is_not_complete_until_that_is_undone() {
    let root = tempfile::tempdir().unwrap();
    let (data, back) = (root.path().join("data"), root.path().join("back"));
    new_directory(&data).await;
    let target = TestDatabase::create().await;
    let (from, to) = (directory(&data), database(&target.url));
    moved(from.clone(), to.clone(), &mut Watched::stopping_after(3)).await.unwrap_err();
    let err = start(&data, None);
    assert!(err.contains("began to move to") && err.contains("again, which goes on"), "{err}");
    moved(from.clone(), to.clone(), &mut Watched::default()).await.unwrap();
    let err = start(&data, None);
    for part in ["was moved to postgres://", "LAMPLIGHT_DATABASE_URL", "migrate --undo --from"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    // Done once, it says so and changes nothing.
    moved(from.clone(), to.clone(), &mut Watched::default()).await.unwrap();

    let (home, way_back) = (directory(&back), to.clone());
    moved(way_back.clone(), home.clone(), &mut Watched::stopping_after(3)).await.unwrap_err();
    let err = start(&back, None);
    assert!(err.contains("has not finished") && err.contains("goes on where it stopped"), "{err}");
    let err = start(&root.path().join("elsewhere"), Some(&target.url));
    assert!(err.contains("its events were moved to") && err.contains("--undo"), "{err}");
    let write = "UPDATE totals SET stored = stored + 1";
    let refused = target.client().await.batch_execute(write).await.unwrap_err();
    assert!(refused.as_db_error().unwrap().message().contains("is moved to"), "{refused:?}");
    moved(way_back, home, &mut Watched::default()).await.unwrap();
    harness::Server::serve(&back).stop();

    undo(&to).await.unwrap();
    target.client().await.batch_execute(write).await.unwrap();
    undo(&from).await.unwrap();
    harness::Server::serve(&data).stop();
    for place in [to, from] {
        let error = undo(&place).await.unwrap_err().to_string();
        assert!(error.contains("nothing was moved out of"), "{error}");
    }
}

#[tokio::test]
async fn a_server_at_work_keeps_a_database_from_being_left() {
    let root = tempfile::tempdir().unwrap();
    let source = TestDatabase::create().await;
    let storage = server_on(&source.url).await;
    store(&storage, 1).await;
    let ask = DeliveryAsk {
        sink: "a".into(),
        token: LeaseToken(7),
        now_ms: super::NOW,
        lease_ms: 60_000,
        events_max: 2,
        bytes_max: 1 << 20,
        order: DeliveryOrder::Shared,
    };
    let (_, leased) = storage.delivery_queue.lease(ask).await.unwrap();
    assert_eq!(leased.len(), 2);
    let back = root.path().join("back");
    let error = refusal(&source.url, back.to_str().unwrap()).await;
    assert!(error.contains("a server still processes"), "{error}");
    assert!(!back.join("moved.json").exists());
    // Nothing of the attempt is left.
    store(&storage, 2).await;
    storage.close().await.unwrap();
    let (code, err) = said(command(&source.url, back.to_str().unwrap()));
    assert_eq!(code, Some(0), "{err}");
}
