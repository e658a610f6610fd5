//! What cannot be moved is refused before anything changes, or goes on once it can be.

use std::sync::Arc;

use lamplight_server::store::postgres::shards::{MoveOptions, Mover, ShardError};
use lamplight_server::store::{DiscardAsk, RetryAsk, StoreError};

use super::rich::filled;
use super::router::Router;
use super::{LATER, Watched, assert_nothing_twice, map, moved, moved_with, shown, sums, verified};
use crate::harness::postgres::{TestDatabase, free_port};
use crate::store::rows;
use crate::store::sqlite::upgrade::server::At;

async fn try_moving(databases: &[&TestDatabase]) -> Result<(), String> {
    let done = moved_with(databases, &MoveOptions::default(), &mut Watched::default()).await;
    done.map(|_| ()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn two_moves_at_once_are_not_possible() {
    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    let urls = [&one, &two].map(|it| it.url.parse().unwrap());
    let first = Mover::open(&urls, Arc::new(At(LATER))).await.unwrap();
    let error = Mover::open(&urls, Arc::new(At(LATER))).await.unwrap_err();
    assert!(matches!(error, ShardError::Busy), "{error}");
    assert!(error.to_string().contains("another `lamplight shards move` is running"), "{error}");
    drop(first);
    moved(&[&one, &two], 1_024).await;
}

#[tokio::test]
async fn databases_that_do_not_belong_together_are_refused() {
    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    let (other, third) = (filled().await, TestDatabase::create().await);
    moved(&[&one, &two], 1_024).await;
    let before = map(&one).await;
    let error = try_moving(&[&one, &two, &other]).await.unwrap_err();
    assert!(error.contains("it is not empty"), "{error}");
    moved(&[&other, &third], 1_024).await;
    // The test's installations have the same id, so that one is given another.
    let sql = "UPDATE shard SET installation = gen_random_uuid()";
    third.client().await.batch_execute(sql).await.unwrap();
    let error = try_moving(&[&one, &two, &third]).await.unwrap_err();
    assert!(error.contains("it belongs to another installation"), "{error}");
    let error = try_moving(&[&one, &two, &two]).await.unwrap_err();
    assert!(error.contains("it is shard 2, and so is"), "{error}");
    let error = try_moving(&[&one]).await.unwrap_err();
    assert!(error.contains("find shard 2: none of the URLs leads to it"), "{error}");
    for drain in [vec![7], vec![1, 2]] {
        let options = MoveOptions { drain, ..MoveOptions::default() };
        let error = moved_with(&[&one, &two], &options, &mut Watched::default()).await;
        assert!(matches!(error, Err(ShardError::Drain { .. })), "{error:?}");
    }
    assert_eq!(map(&one).await, before);
}

#[tokio::test]
async fn a_target_that_is_down_or_takes_no_writes_is_refused_and_nothing_changes() {
    let (one, two) = (filled().await, TestDatabase::create().await);
    let before = shown(&[&one]).await;
    let nobody = format!("postgres://postgres@127.0.0.1:{}/lamplight", free_port());
    let urls = [one.url.parse().unwrap(), nobody.parse().unwrap()];
    let error = Mover::open(&urls, Arc::new(At(LATER))).await.unwrap_err().to_string();
    assert!(error.contains("connect to"), "{error}");
    let name = two.url.rsplit('/').next().unwrap().to_owned();
    let client = two.client().await;
    let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    client.batch_execute(&set).await.unwrap();
    let error = try_moving(&[&one, &two]).await.unwrap_err();
    assert!(error.contains("takes no writes") || error.contains("read-only"), "{error}");
    assert_eq!(shown(&[&one]).await, before);
    assert!(map(&one).await.is_alone());
}

#[tokio::test]
async fn a_target_whose_disk_is_full_gets_nothing_and_the_move_goes_on_later() {
    let (one, two) = (filled().await, TestDatabase::create().await);
    let all = [&one, &two];
    let (before, counts) = (shown(&[&one]).await, sums(&[&one]).await);
    let client = two.client().await;
    client
        .batch_execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$;
             CREATE TRIGGER full_disk BEFORE INSERT ON producers FOR EACH ROW EXECUTE FUNCTION full_disk()",
        )
        .await
        .unwrap();
    let error = try_moving(&all).await.unwrap_err();
    assert!(error.contains("copy buckets in") && error.contains("No space left"), "{error}");
    assert_eq!(shown(&all).await, before);
    assert_eq!(rows::rows(&client, "SELECT count(*) FROM events").await, ["0"]);
    assert!(map(&one).await.moving.is_some());
    client.batch_execute("DROP TRIGGER full_disk ON producers").await.unwrap();
    moved(&all, 512).await;
    assert_eq!(shown(&all).await, before);
    assert_eq!(sums(&all).await, counts);
    assert_nothing_twice(&all).await;
    verified(&all).await;
}

#[tokio::test]
async fn past_deliveries_and_retention_hold_still_while_buckets_move() {
    let (one, two) = (filled().await, TestDatabase::create().await);
    let all = [&one, &two];
    let mut watched = Watched { steps_left: Some(2), ..Watched::default() };
    let options = MoveOptions { buckets_max: Some(512), ..MoveOptions::default() };
    moved_with(&all, &options, &mut watched).await.unwrap_err();
    let router = Router::open(&all).await;
    let store = &router.stores[0];
    let letters = || RetryAsk {
        sink: Some("archive".into()),
        event: None,
        reason: None,
        from_ms: None,
        to_ms: None,
        over_ms: 0,
        dry_run: false,
        now_ms: LATER,
    };
    let error = store.delivery_queue.retry_dead(letters()).await.unwrap_err();
    assert!(matches!(error, StoreError::Moving { .. }), "{error:?}");
    let discard = DiscardAsk { letters: letters(), restore: false };
    let error = store.delivery_queue.discard_dead(discard).await.unwrap_err();
    assert!(matches!(error, StoreError::Moving { .. }), "{error:?}");
    let error = store.events.forget("web".into()).await.unwrap_err();
    assert!(matches!(error, StoreError::Moving { .. }), "{error:?}");
    let before = shown(&all).await;
    let keep = lamplight_server::store::RetentionLimits {
        events_from_ms: Some(LATER),
        events_bytes: None,
        ids_from_ms: LATER,
        pending_from_ms: i64::MAX,
        now_ms: LATER,
    };
    store.events.prune(keep).await.unwrap();
    assert_eq!(shown(&all).await, before, "retention deletes nothing");
    moved(&all, 512).await;
    router.read_map().await;
    assert!(router.stores[0].delivery_queue.retry_dead(letters()).await.is_ok());
    router.close().await;
}
