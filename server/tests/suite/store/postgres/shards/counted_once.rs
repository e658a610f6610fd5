//! While a chunk moves, two databases have it, and everything that can be read is as before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use lamplight_server::store::postgres::shards::{MoveOptions, MoveWatch, ShardError, Step};
use lamplight_server::store::{Opening, Plan, Storage, WriterLimits, shards};
use lamplight_server::system::supervisor::Supervisor;

use super::router::routes;
use super::{Watched, assert_nothing_twice, map, moved, moved_with};
use crate::harness::postgres::{TestDatabase, urls};
use crate::postgres_faults::shards_equal::{plans, told};
use crate::store::backend::open_postgres;
use crate::store::sample::NOW;

/// Stops after a step.
struct Until(Step);

impl MoveWatch for Until {
    fn begin(&mut self, _: &str, _: u64) {}

    fn reach(&mut self, _: u64) -> bool {
        true
    }

    fn done(&mut self, step: Step) -> bool {
        step != self.0
    }

    fn wants_more(&mut self) -> bool {
        true
    }

    fn note(&mut self, _: &str) {}
}

/// A server's view of several databases.
pub(super) async fn opened(databases: &[&TestDatabase]) -> Storage {
    let urls: Vec<_> = databases.iter().map(|it| urls(&it.url)).collect();
    let (opening, supervisor) = (Opening::Serve(routes()), Supervisor::default());
    shards::open_as(&urls, WriterLimits::default(), opening, &supervisor).await.unwrap()
}

/// A database with all kinds of events, and what is read there.
pub(super) async fn filled() -> (TestDatabase, Vec<Arc<Plan>>, Vec<String>) {
    let (database, plans) = (TestDatabase::create().await, plans());
    let storage = open_postgres(&database.url, routes()).await;
    let applied = storage.events.apply_each(plans.clone(), NOW).await.unwrap();
    assert!(applied.iter().all(|it| it.failure.is_none()), "{applied:?}");
    let told = told(&storage, &plans).await;
    storage.close().await.unwrap();
    (database, plans, told)
}

pub(super) fn assert_same(got: &[String], want: &[String], when: &str) {
    for (got, want) in got.iter().zip(want) {
        assert_eq!(got, want, "{when}");
    }
    assert_eq!(got.len(), want.len(), "{when}");
}

#[tokio::test]
async fn all_that_can_be_read_is_the_same_after_each_step_of_a_move() {
    let (one, plans, before) = filled().await;
    let two = TestDatabase::create().await;
    let all = [&one, &two];
    let options = MoveOptions { buckets_max: Some(256), ..MoveOptions::default() };
    let stop = moved_until(&all, &options, Step::Joined).await;
    assert!(matches!(stop, Err(ShardError::Stopped)), "{stop:?}");
    // One that saw everything, and one that has just started.
    let running = opened(&all).await;
    let steps = [Step::Leaving, Step::Held, Step::Copied, Step::Arrived, Step::Deleted];
    for chunk in 1..=2 {
        for step in steps.into_iter().chain([Step::Finished]) {
            let stop = moved_until(&all, &options, step).await;
            assert!(matches!(stop, Err(ShardError::Stopped)), "{stop:?}");
            let when = format!("after {step:?} of chunk {chunk}");
            assert_same(&told(&running, &plans).await, &before, &when);
            let new = opened(&all).await;
            assert_same(&told(&new, &plans).await, &before, &when);
            new.close().await.unwrap();
        }
    }
    assert_eq!(moved(&all, 256).await.chunks, 0, "two chunks are all");
    assert_eq!(map(&one).await.owned_by(2).len(), 512);
    running.close().await.unwrap();
    assert_nothing_twice(&all).await;
}

async fn moved_until(
    databases: &[&TestDatabase],
    options: &MoveOptions,
    step: Step,
) -> Result<(), ShardError> {
    let urls: Vec<_> = databases.iter().map(|it| it.url.parse().unwrap()).collect();
    let clock = Arc::new(crate::store::sqlite::upgrade::server::At(super::LATER));
    let mut mover = lamplight_server::store::postgres::shards::Mover::open(&urls, clock).await?;
    let result = mover.run(options, super::INSTALLATION, &mut Until(step)).await;
    mover.close().await.unwrap();
    result.map(drop)
}

#[tokio::test]
async fn totals_and_lists_never_change_while_buckets_move_back_and_forth() {
    let (one, plans, before) = filled().await;
    let two = TestDatabase::create().await;
    moved(&[&one, &two], 1_024).await;
    let running = opened(&[&one, &two]).await;
    let (ended, reads) = (AtomicBool::new(false), AtomicU32::new(0));
    let moving = async {
        while reads.load(Ordering::Acquire) < 3 {
            for (drain, fill) in [(vec![2], Vec::new()), (Vec::new(), vec![2])] {
                let buckets_max = Some(128);
                let options = MoveOptions { drain, fill, buckets_max, ..MoveOptions::default() };
                let done = moved_with(&[&one, &two], &options, &mut Watched::default()).await;
                assert_eq!(done.unwrap().chunks, 4);
            }
        }
        ended.store(true, Ordering::Release);
    };
    let reading = async {
        while !ended.load(Ordering::Acquire) {
            let read = reads.fetch_add(1, Ordering::AcqRel);
            assert_same(&told(&running, &plans).await, &before, &format!("read {read}"));
        }
    };
    tokio::join!(moving, reading);
    running.close().await.unwrap();
    assert_nothing_twice(&[&one, &two]).await;
}
