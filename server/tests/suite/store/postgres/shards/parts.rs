//! A payload whose parts are in several shards, some of which wait while buckets move.

use std::sync::Arc;

use lamplight_server::store::postgres::shards::{MoveOptions, ShardError, split};
use lamplight_server::store::{EventIdentity, Plan};

use super::router::Router;
use super::{Watched, map, moved, moved_with, shown, sums, verified};
use crate::harness::postgres::TestDatabase;
use crate::store::sample::{NOW, good, number, plan};

/// A payload with events of many producers, and without any.
fn scattered(payload: u128) -> Arc<Plan> {
    let numbered = (1..40).map(|of| (number(payload * 1_000 + of, 1), good("numbered")));
    let others = (0..10).map(|_| (EventIdentity::Anonymous, good("anonymous")));
    Arc::new(plan(payload, numbered.chain(others).collect()))
}

/// Applies the part of one shard only.
async fn apply_part(router: &Router, plan: &Arc<Plan>, databases: &[&TestDatabase], of: u16) {
    let part = split(plan, &map(databases[0]).await).remove(&of).unwrap();
    let store = &router.stores[usize::from(of) - 1];
    store.events.apply(vec![part], NOW).await.unwrap();
}

#[tokio::test]
async fn a_part_that_waits_while_its_buckets_move_is_applied_once_and_not_forgotten() {
    let (one, two, alone) =
        (TestDatabase::create().await, TestDatabase::create().await, TestDatabase::create().await);
    let all = [&one, &two];
    moved(&all, 1_024).await;
    let (router, reference) = (Router::open(&all).await, Router::open(&[&alone]).await);
    let plans: Vec<_> = (1..=3).map(scattered).collect();
    // Of one, each shard has only its part. Nothing of the last is anywhere.
    apply_part(&router, &plans[0], &all, 1).await;
    apply_part(&router, &plans[1], &all, 2).await;
    // Everything comes to shard 1: also to where a part of the payload is marked already.
    let options = MoveOptions { drain: vec![2], ..MoveOptions::default() };
    moved_with(&all, &options, &mut Watched::default()).await.unwrap();
    router.read_map().await;
    for plan in &plans {
        for _ in 0..2 {
            router.apply(plan).await;
        }
        reference.apply(plan).await;
    }
    // And back, with the marks.
    let options = MoveOptions { fill: vec![2], ..MoveOptions::default() };
    moved_with(&all, &options, &mut Watched::default()).await.unwrap();
    router.read_map().await;
    for plan in &plans {
        router.apply(plan).await;
        let again = split(plan, &map(&one).await);
        assert_eq!(again.len(), 2, "its parts are in two shards");
    }
    router.close().await;
    reference.close().await;
    assert_eq!(shown(&all).await, shown(&[&alone]).await);
    assert_eq!(sums(&all).await, sums(&[&alone]).await);
    verified(&all).await;
}

#[tokio::test]
async fn a_payload_that_was_applied_before_there_were_shards_is_applied_nowhere_again() {
    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    let all = [&one, &two];
    let alone = Router::open(&[&one]).await;
    let plans: Vec<_> = (1..=3).map(scattered).collect();
    for plan in &plans {
        alone.apply(plan).await;
    }
    alone.close().await;
    let (before, counts) = (shown(&[&one]).await, sums(&[&one]).await);
    moved(&all, 200).await;
    let router = Router::open(&all).await;
    for plan in &plans {
        router.apply(plan).await;
    }
    assert_eq!(sums(&all).await, counts);
    // What comes back leaves the mark of all of the payload as it is.
    let options = MoveOptions { drain: vec![2], ..MoveOptions::default() };
    moved_with(&all, &options, &mut Watched::default()).await.unwrap();
    router.read_map().await;
    for plan in &plans {
        router.apply(plan).await;
    }
    router.close().await;
    assert_eq!(shown(&all).await, before);
    assert_eq!(sums(&all).await, counts);
    verified(&all).await;
}

#[tokio::test]
async fn while_buckets_leave_only_they_wait() {
    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    let all = [&one, &two];
    // It stops after the second step: the new database is a shard, and a chunk leaves.
    let options = MoveOptions { buckets_max: Some(512), ..MoveOptions::default() };
    let mut watched = Watched { steps_left: Some(2), ..Watched::default() };
    let stopped = moved_with(&all, &options, &mut watched).await;
    assert!(matches!(stopped, Err(ShardError::Stopped)), "{stopped:?}");
    let leaving = map(&one).await;
    assert_eq!(leaving.moving.as_ref().unwrap().buckets.len(), 512);
    let router = Router::open(&all).await;
    let (mut waiting, mut applied) = (Vec::new(), 0);
    for producer in 1..60 {
        let plan = Arc::new(plan(producer, vec![(number(producer, 1), good("it"))]));
        if router.try_apply(&plan).await { applied += 1 } else { waiting.push(plan) }
    }
    assert!(applied > 10 && waiting.len() > 10, "{applied}, {}", waiting.len());
    assert_eq!(moved(&all, 512).await.chunks, 1);
    for plan in &waiting {
        router.apply(plan).await;
    }
    router.close().await;
    assert_eq!(shown(&all).await.iter().filter(|it| it.starts_with("events ")).count(), 59);
    verified(&all).await;
}
