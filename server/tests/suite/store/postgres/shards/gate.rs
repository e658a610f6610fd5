//! What a database takes follows from its map, whatever a server believes.

use std::sync::Arc;

use lamplight_server::store::postgres::shards::ShardEpoch;
use lamplight_server::store::{Opening, StoreError, WriterLimits, postgres};
use lamplight_server::system::supervisor::Supervisor;

use super::moved;
use super::router::Router;
use crate::harness::postgres::{TestDatabase, urls};
use crate::store::rows;
use crate::store::sample::{good, number, plan};

async fn opened(
    database: &TestDatabase,
    epoch: &ShardEpoch,
) -> Result<lamplight_server::store::Storage, postgres::OpenError> {
    let (limits, supervisor) = (WriterLimits::default(), Supervisor::default());
    let (urls, opening) = (urls(&database.url), Opening::Serve(Vec::new()));
    postgres::open_shard(&urls, limits, opening, &supervisor, epoch.clone()).await
}

#[tokio::test]
async fn a_server_that_knows_another_epoch_writes_nothing_and_is_told_both() {
    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    let epoch = ShardEpoch::default();
    let server = opened(&one, &epoch).await.unwrap();
    let plans = || vec![Arc::new(plan(1, vec![(number(1, 1), good("it"))]))];
    moved(&[&one, &two], 512).await;
    for known in [0, 3, 9_999] {
        epoch.set(known);
        let error = server.events.apply(plans(), 5).await.unwrap_err();
        let is_other =
            matches!(error, StoreError::OtherEpoch { known: it, found: 5 } if it == known);
        assert!(is_other, "{error:?}");
        let error = server.events.reapply(plans(), 5).await.unwrap_err();
        assert!(matches!(error, StoreError::OtherEpoch { .. }), "{error:?}");
    }
    epoch.set(5);
    let (mut taken, mut refused) = (0, 0);
    for producer in 1..40 {
        let plans = vec![Arc::new(plan(producer, vec![(number(producer, 1), good("it"))]))];
        match server.events.apply(plans, 5).await {
            Ok(_) => taken += 1,
            Err(StoreError::Moving { .. }) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(taken > 8 && refused > 8, "{taken} and {refused}");
    server.close().await.unwrap();
    let events = rows::rows(&one.client().await, "SELECT count(*) FROM events").await;
    assert_eq!(events, [taken.to_string()]);
}

#[tokio::test]
async fn a_server_with_one_database_does_not_start_on_a_shard() {
    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    moved(&[&one, &two], 512).await;
    for database in [&one, &two] {
        let error = opened(database, &ShardEpoch::default()).await.err().unwrap().to_string();
        assert!(error.contains("it is one of several shards"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_too_old_to_know_of_shards_writes_nothing_to_one() {
    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    let older = one.client().await;
    let write = "INSERT INTO applied VALUES (gen_random_uuid(), 1, 1, 0, 0, 0)";
    older.batch_execute(write).await.unwrap();
    older.batch_execute("DELETE FROM applied").await.unwrap();
    moved(&[&one, &two], 512).await;
    for write in [write, "DELETE FROM producers", "UPDATE delivery_queue SET due_ms = 1"] {
        let error = older.batch_execute(write).await.unwrap_err();
        let code = error.code().map(|it| it.code().to_owned());
        assert_eq!(code.as_deref(), Some("57PLM"), "{write}: {error:?}");
    }
    // One that starts is refused: the schema says so.
    let oldest = rows::rows(&older, "SELECT oldest FROM compatibility").await;
    assert_eq!(oldest, ["5"]);
    // Those that know go on.
    let router = Router::open(&[&one, &two]).await;
    router.apply(&Arc::new(plan(1, vec![(number(1, 1), good("it"))]))).await;
    router.close().await;
}
