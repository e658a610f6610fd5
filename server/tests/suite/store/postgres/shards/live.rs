//! The live view while buckets move.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lamplight_server::store::postgres::shards::MoveOptions;
use lamplight_server::store::{EventFilter, LivePlace, Plan, RowId, Storage};

use super::counted_once::opened;
use super::{Ending, Watched, moved, moved_with};
use crate::harness::now;
use crate::harness::postgres::TestDatabase;
use crate::store::sample::{good, number, plan_at};
use crate::store::sqlite::upgrade::server::NOW;

/// How long a chunk stays where it was, in which viewers read.
const STAY: Duration = Duration::from_millis(400);
/// How often they do.
const READ_EVERY: Duration = Duration::from_millis(20);
const HANGS_AFTER: Duration = Duration::from_mins(2);

/// How many events a payload has.
const EVENTS: u64 = 5;

/// A payload with events of one producer, so that it is stored in one part.
fn payload(at: u64) -> Arc<Plan> {
    let of = u128::from(at + 1) << 40;
    let events = (1..=EVENTS).map(|seq| (number(of, seq), good("seen"))).collect();
    Arc::new(plan_at(NOW + i64::try_from(at).unwrap(), u128::from(at + 1), events))
}

/// What follows a place.
async fn follow(storage: &Storage, place: &mut LivePlace, seen: &mut BTreeMap<RowId, u32>) -> bool {
    let tail = storage.reader.live(EventFilter::default(), place.clone(), 50).await.unwrap();
    for (_, event) in &tail.events {
        *seen.entry(event.id).or_default() += 1;
    }
    *place = tail.next;
    tail.has_gap
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_sees_each_event_once_while_buckets_move() {
    let (one, two) = (TestDatabase::create().await, TestDatabase::create().await);
    moved(&[&one, &two], 1_024).await;
    let (writing, reading) = (opened(&[&one, &two]).await, opened(&[&one, &two]).await);
    let ended = Arc::<AtomicBool>::default();
    let mut place = reading.reader.live_end().await.unwrap();
    let early = place.clone();
    let writer = {
        let ended = Arc::clone(&ended);
        tokio::spawn(async move {
            let (mut at, begun) = (0, now());
            while !ended.load(Ordering::Acquire) {
                let mut left = vec![payload(at)];
                while !left.is_empty() {
                    assert!(begun.elapsed() < HANGS_AFTER, "it hangs");
                    let done = writing.events.apply_each(left.clone(), NOW).await.unwrap();
                    left = left
                        .into_iter()
                        .zip(done)
                        .filter_map(|(plan, it)| it.failure.is_some().then_some(plan))
                        .collect();
                }
                at += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            writing.close().await.unwrap();
            at
        })
    };
    let viewer = {
        let ended = Arc::clone(&ended);
        tokio::spawn(async move {
            let (mut seen, mut quiet) = (BTreeMap::new(), 0);
            while quiet < 20 {
                let before = seen.len();
                let has_gap = follow(&reading, &mut place, &mut seen).await;
                assert!(!has_gap, "it reads all the time");
                let is_quiet = ended.load(Ordering::Acquire) && seen.len() == before;
                quiet = if is_quiet { quiet + 1 } else { 0 };
                tokio::time::sleep(READ_EVERY).await;
            }
            (reading, seen)
        })
    };
    let ending = Ending(Arc::clone(&ended));
    for (drain, fill) in [(vec![2], Vec::new()), (Vec::new(), vec![2])] {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let options = MoveOptions { drain, fill, buckets_max: Some(256), stay: STAY };
        let done = moved_with(&[&one, &two], &options, &mut Watched::default()).await.unwrap();
        assert_eq!(done.chunks, 2);
    }
    drop(ending);
    let payloads = writer.await.unwrap();
    let (reading, seen) = viewer.await.unwrap();
    let twice: Vec<_> = seen.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "seen more than once: {twice:?}");
    assert!(payloads > 20, "{payloads}");
    assert_eq!(seen.len() as u64, payloads * EVENTS);

    // Whoever was away all the time is told that events may be missing.
    let (mut place, mut late, mut has_gap) = (early, BTreeMap::new(), false);
    loop {
        let before = place.clone();
        has_gap |= follow(&reading, &mut place, &mut late).await;
        if place == before {
            break;
        }
    }
    assert!(has_gap);
    assert!(late.values().all(|count| *count == 1), "but none is shown twice");
    reading.close().await.unwrap();
}
