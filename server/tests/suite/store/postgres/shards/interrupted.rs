//! A move that stops anywhere goes on, and readers see everything once at any moment.

use lamplight_server::store::postgres::shards::{MoveOptions, ShardError, Step};

use super::rich::filled;
use super::{Watched, assert_nothing_twice, map, moved_with, shown, sums, verified};
use crate::harness::postgres::TestDatabase;

/// Moves everything that must be moved, while `stop` makes each run stop early. Gives every step.
async fn in_pieces(
    databases: &[&TestDatabase],
    options: &MoveOptions,
    before: &[String],
    mut stop: impl FnMut() -> Watched,
) -> (u32, Vec<Step>) {
    let (mut interrupted, mut steps) = (0, Vec::new());
    loop {
        let mut watched = stop();
        let done = moved_with(databases, options, &mut watched).await;
        steps.extend(watched.steps);
        assert_eq!(shown(databases).await, before, "after {steps:?}");
        match done {
            Ok(_) => return (interrupted, steps),
            Err(ShardError::Stopped) => interrupted += 1,
            Err(error) => panic!("after {steps:?}: {error:?}"),
        }
        assert!(interrupted < 100, "it gets nowhere: {steps:?}");
    }
}

#[tokio::test]
async fn a_move_that_stops_after_every_step_moves_everything_once() {
    let (one, two) = (filled().await, TestDatabase::create().await);
    let all = [&one, &two];
    let (before, counts) = (shown(&[&one]).await, sums(&[&one]).await);
    let options = MoveOptions { buckets_max: Some(256), ..MoveOptions::default() };
    // A step that is not recorded is done again by the next run, which must get further.
    let mut runs = 0..;
    let stop = || Watched { steps_left: runs.next().map(|run| run % 3 + 1), ..Watched::default() };
    let (interrupted, steps) = in_pieces(&all, &options, &before, stop).await;
    let count = |step: Step| steps.iter().filter(|it| **it == step).count();
    assert_eq!(count(Step::Joined), 1, "{steps:?}");
    for step in [Step::Leaving, Step::Arrived, Step::Finished] {
        assert_eq!(count(step), 2, "{step:?} of {steps:?}");
    }
    // What was recorded is not done again: a run only finds that it was.
    assert!(count(Step::Held) >= 2 && count(Step::Copied) >= 2, "{steps:?}");
    assert!(interrupted >= 10, "{interrupted}");
    assert_eq!(sums(&all).await, counts);
    assert_nothing_twice(&all).await;
    verified(&all).await;
}

#[tokio::test]
async fn a_move_that_stops_in_the_middle_of_a_copy_or_a_deletion_changes_nothing_by_it() {
    let (one, two) = (filled().await, TestDatabase::create().await);
    let all = [&one, &two];
    let (before, counts) = (shown(&[&one]).await, sums(&[&one]).await);
    let options = MoveOptions { buckets_max: Some(512), ..MoveOptions::default() };
    let mut stopped = 0;
    for looks in 1..60 {
        let mut watched = Watched { looks_left: Some(looks), ..Watched::default() };
        match moved_with(&all, &options, &mut watched).await {
            Err(ShardError::Stopped) => stopped += 1,
            Ok(_) => break,
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(shown(&all).await, before);
        assert!(map(&one).await.moving.is_some());
    }
    assert!(stopped >= 3, "{stopped}");
    assert_eq!(sums(&all).await, counts);
    assert_nothing_twice(&all).await;
    verified(&all).await;
}
