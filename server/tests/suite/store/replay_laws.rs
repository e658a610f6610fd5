//! The laws of `Replays`: which replays were requested, and how far each got.

use lamplight_server::store::{PayloadId, PayloadSpan, Replay, Replayed, Storage};
use uuid::Uuid;

use crate::store::backend::Backend;
use crate::store::sample::NOW;

crate::laws!(
    the_oldest_replay_is_next_until_it_ends,
    progress_adds_up_and_survives_a_restart,
    a_replay_that_someone_else_moved_does_not_change,
    a_replay_that_ended_does_not_change,
    replays_are_listed_newest_first,
);

const SPAN: PayloadSpan =
    PayloadSpan { first: PayloadId(Uuid::nil()), last: PayloadId(Uuid::max()) };

fn some(payloads: u64) -> Replayed {
    Replayed { payloads, rewritten: 2, restored: 3, accepted: 4, skipped: 5 }
}

fn id(number: u128) -> PayloadId {
    PayloadId(Uuid::from_u128(number))
}

async fn next(storage: &Storage) -> Replay {
    storage.replays.next().await.unwrap().unwrap()
}

async fn the_oldest_replay_is_next_until_it_ends(Backend { storage, .. }: Backend) {
    assert_eq!(storage.replays.next().await.unwrap(), None);
    let first = storage.replays.begin(SPAN, NOW).await.unwrap();
    let second = storage.replays.begin(SPAN, NOW + 1).await.unwrap();
    let replay = next(&storage).await;
    assert_eq!((replay.id, replay.span, replay.begun_ms), (first, SPAN, NOW));
    assert_eq!((replay.after, replay.done, replay.ended_ms), (None, Replayed::default(), None));
    let ended = storage.replays.advance(replay, Some(id(1)), some(1), Some(NOW + 2));
    assert!(ended.await.unwrap());
    assert_eq!(next(&storage).await.id, second);
}

async fn progress_adds_up_and_survives_a_restart(backend: Backend) {
    let replays = &backend.storage.replays;
    replays.begin(SPAN, NOW).await.unwrap();
    for (number, payloads) in [(1, 10), (2, 20)] {
        let replay = next(&backend.storage).await;
        assert!(replays.advance(replay, Some(id(number)), some(payloads), None).await.unwrap());
    }
    let backend = backend.reopened().await;
    let replay = next(&backend.storage).await;
    let want = Replayed { payloads: 30, rewritten: 4, restored: 6, accepted: 8, skipped: 10 };
    assert_eq!((replay.after, replay.done), (Some(id(2)), want));
}

async fn a_replay_that_someone_else_moved_does_not_change(Backend { storage, .. }: Backend) {
    storage.replays.begin(SPAN, NOW).await.unwrap();
    let stale = next(&storage).await;
    assert!(storage.replays.advance(stale.clone(), Some(id(1)), some(1), None).await.unwrap());
    let before = next(&storage).await;
    assert!(!storage.replays.advance(stale, Some(id(9)), some(9), Some(NOW)).await.unwrap());
    assert_eq!(next(&storage).await, before);
}

async fn a_replay_that_ended_does_not_change(Backend { storage, .. }: Backend) {
    storage.replays.begin(SPAN, NOW).await.unwrap();
    let replay = next(&storage).await;
    let ended = storage.replays.advance(replay.clone(), None, some(1), Some(NOW));
    assert!(ended.await.unwrap());
    assert!(!storage.replays.advance(replay, Some(id(1)), some(1), None).await.unwrap());
    let replays = storage.replays.list().await.unwrap();
    assert_eq!((replays[0].done.payloads, replays[0].ended_ms), (1, Some(NOW)));
}

async fn replays_are_listed_newest_first(Backend { storage, .. }: Backend) {
    let mut begun = Vec::new();
    for now_ms in [NOW + 2, NOW, NOW + 1] {
        begun.push(storage.replays.begin(SPAN, now_ms).await.unwrap());
    }
    begun.reverse();
    let listed = storage.replays.list().await.unwrap();
    assert_eq!(listed.iter().map(|replay| replay.id).collect::<Vec<_>>(), begun);
}
