//! Payloads and replays, with several servers on one database.

use std::collections::BTreeSet;

use lamplight_server::store::{
    FailedPayload, LeaseAsk, LeasedPayload, NewPayload, Opening, PayloadId, PayloadMetadata,
    PayloadSpan, Replayed, Storage, StoreError, WorkerSlot, WriterLimits, postgres,
};
use lamplight_server::system::supervisor::Supervisor;
use uuid::Uuid;

use crate::harness::postgres::{TestDatabase, urls};
use crate::store::sample::{NOW, ask, payload};

/// A server on a database.
pub(super) async fn server(database: &TestDatabase) -> Storage {
    limited(database, WriterLimits::default()).await
}

/// A server that queues no more than this.
pub(super) async fn limited(database: &TestDatabase, limits: WriterLimits) -> Storage {
    let opening = Opening::Serve(Vec::new());
    postgres::open_as(&urls(&database.url), limits, opening, &Supervisor::default()).await.unwrap()
}

/// A payload whose id begins with its time of receipt, as real ones do.
pub(super) fn received(ms: i64, number: u128) -> NewPayload {
    let id = PayloadId(Uuid::from_u128(u128::try_from(ms).unwrap() << 80 | number));
    let NewPayload { metadata, body, .. } = payload(number, "[{},{}]");
    NewPayload { metadata: PayloadMetadata { id, received_ms: ms, ..metadata }, body, home: None }
}

/// Leases payloads with a token of its own, however little is due.
pub(super) async fn lease(
    storage: &Storage,
    token: u128,
    now_ms: i64,
    payloads_max: u32,
) -> Result<Vec<LeasedPayload>, StoreError> {
    storage.payload_queue.lease(ask(token, now_ms, payloads_max)).await
}

/// Settles everything that was leased together.
pub(super) async fn settle(storage: &Storage, leased: &[LeasedPayload]) -> Result<(), StoreError> {
    let Some(first) = leased.first() else { return Ok(()) };
    let tickets = leased.iter().map(|payload| payload.ticket.clone()).collect();
    storage.payload_queue.settle(first.lease, tickets, first.lease.until_ms - 1).await
}

fn ids(leased: &[LeasedPayload]) -> Vec<u128> {
    leased.iter().map(|payload| payload.metadata.id.0.as_u128()).collect()
}

/// Leases and settles a few payloads at a time until nothing is due.
async fn work(storage: Storage, worker: WorkerSlot, tokens: u128) -> Vec<u128> {
    let mut done = Vec::new();
    for token in tokens.. {
        let ask = LeaseAsk { worker, ..ask(token, NOW, 7) };
        let leased = storage.payload_queue.lease(ask).await.unwrap();
        if leased.is_empty() {
            break;
        }
        settle(&storage, &leased).await.unwrap();
        done.extend(ids(&leased));
    }
    done
}

#[tokio::test]
async fn servers_with_different_workers_never_lease_the_same_payload() {
    let database = TestDatabase::create().await;
    let servers = [server(&database).await, server(&database).await];
    let staged = (1..=600).map(|number| {
        let storage = servers[usize::from(number % 2 == 0)].clone();
        tokio::spawn(async move { storage.payload_queue.stage(payload(number, "[{},{}]")).await })
    });
    for staged in staged.collect::<Vec<_>>() {
        staged.await.unwrap().unwrap();
    }
    let workers = [(0, 1), (1, 4)].into_iter().flat_map(|(at, count)| {
        let storage = &servers[at];
        WorkerSlot::among(count).map(move |slot| (storage.clone(), slot))
    });
    let works: Vec<_> = (1..)
        .zip(workers)
        .map(|(number, (storage, slot))| tokio::spawn(work(storage, slot, number * 1_000)))
        .collect();
    let mut done = Vec::new();
    for work in works {
        done.extend(work.await.unwrap());
    }
    done.sort_unstable();
    assert_eq!(done, (1..=600).collect::<Vec<_>>());
    let backlog = servers[0].payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.payloads, backlog.events), (0, 0));
}

#[tokio::test]
async fn a_lease_of_a_server_that_is_gone_comes_back_after_its_time() {
    let database = TestDatabase::create().await;
    let (gone, other) = (server(&database).await, server(&database).await);
    gone.payload_queue.stage(payload(1, "[]")).await.unwrap();
    assert_eq!(lease(&gone, 1, NOW, 10).await.unwrap().len(), 1);
    drop(gone);
    let opened = server(&database).await;
    for storage in [&other, &opened] {
        assert_eq!(lease(storage, 2, NOW + 59_999, 10).await.unwrap().len(), 0);
    }
    let leased = lease(&other, 3, NOW + 60_000, 10).await.unwrap();
    assert_eq!(leased.iter().map(|it| it.attempts).collect::<Vec<_>>(), [1]);
    settle(&other, &leased).await.unwrap();
}

#[tokio::test]
async fn a_server_that_closes_ends_its_own_leases_and_no_others() {
    let database = TestDatabase::create().await;
    let (closing, other) = (server(&database).await, server(&database).await);
    for number in 1..=3 {
        closing.payload_queue.stage(payload(number, "[]")).await.unwrap();
    }
    let first = lease(&closing, 1, NOW, 1).await.unwrap();
    let second = lease(&other, 2, NOW, 1).await.unwrap();
    let third = lease(&closing, 3, NOW, 1).await.unwrap();
    settle(&closing, &third).await.unwrap();
    closing.close().await.unwrap();
    let again = lease(&other, 4, NOW, 10).await.unwrap();
    assert_eq!(ids(&again), ids(&first), "ended at once");
    settle(&other, &second).await.unwrap();
    let late = settle(&other, &first).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
}

#[tokio::test]
async fn whoever_lost_a_lease_to_another_server_changes_nothing() {
    let database = TestDatabase::create().await;
    let (slow, fast) = (server(&database).await, server(&database).await);
    for number in 1..=2 {
        slow.payload_queue.stage(payload(number, "[{},{}]")).await.unwrap();
    }
    let lost = lease(&slow, 1, NOW, 10).await.unwrap();
    let held = lease(&fast, 2, NOW + 60_000, 1).await.unwrap();
    // One of the two is still its own: all or nothing.
    assert!(matches!(settle(&slow, &lost).await, Err(StoreError::LeaseLost)));
    let failed = |payload: &LeasedPayload| FailedPayload {
        ticket: payload.ticket.clone(),
        due_ms: NOW,
        error: "why\0".into(),
        is_own: true,
    };
    let failed = lost.iter().map(failed).collect();
    let released = slow.payload_queue.release(lost[0].lease, failed, NOW).await;
    assert!(matches!(released, Err(StoreError::LeaseLost)));
    let backlog = slow.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.payloads, backlog.events, backlog.failing), (2, 4, 0));
    settle(&fast, &held).await.unwrap();
    assert_eq!(slow.payload_queue.backlog().await.unwrap().payloads, 1);
}

#[tokio::test]
async fn texts_that_a_database_cannot_keep_come_back_as_they_were() {
    let database = TestDatabase::create().await;
    let storage = server(&database).await;
    let NewPayload { metadata, body, .. } = payload(1, "[]");
    let odd = |text: &str| format!("{text}\0\u{10FFFF}1'");
    let metadata = PayloadMetadata {
        key_id: odd("key"),
        source: odd("source"),
        user_agent: Some(odd("agent")),
        origin: Some(odd("origin")),
        client: Some(odd("client")),
        ..metadata
    };
    let sent = NewPayload { metadata, body, home: None };
    storage.payload_queue.stage(sent.clone()).await.unwrap();
    let leased = lease(&storage, 1, NOW, 1).await.unwrap();
    assert_eq!((&leased[0].metadata, &leased[0].body), (&sent.metadata, &sent.body));
    let (ticket, error) = (leased[0].ticket.clone(), odd("why"));
    let failed = FailedPayload { ticket, due_ms: NOW, error: error.clone(), is_own: true };
    storage.payload_queue.release(leased[0].lease, vec![failed], NOW).await.unwrap();
    assert_eq!(storage.payload_queue.backlog().await.unwrap().last_error, Some(error));
}

#[tokio::test]
async fn two_servers_that_run_one_replay_never_both_move_it() {
    let database = TestDatabase::create().await;
    let servers = [server(&database).await, server(&database).await];
    let span = PayloadSpan { first: PayloadId(Uuid::nil()), last: PayloadId(Uuid::max()) };
    servers[0].replays.begin(span, NOW).await.unwrap();
    let some = Replayed { payloads: 1, ..Replayed::default() };
    for step in 1..=30 {
        let moving: Vec<_> = servers
            .iter()
            .chain(&servers)
            .map(|storage| {
                let replays = storage.replays.clone();
                tokio::spawn(async move {
                    let replay = replays.next().await.unwrap().unwrap();
                    let before = replay.after;
                    let after = Some(PayloadId(Uuid::from_u128(step)));
                    let moved = replays.advance(replay, after, some, None).await.unwrap();
                    moved.then_some(before)
                })
            })
            .collect();
        let mut moved = Vec::new();
        for one in moving {
            moved.extend(one.await.unwrap());
        }
        // Whoever read it late may move it from where the first has brought it, but nobody from
        // where another has left.
        assert!(!moved.is_empty());
        let from: BTreeSet<_> = moved.iter().map(|before| before.map(|id| id.0)).collect();
        assert!(moved.len() == from.len() || from.contains(&Some(Uuid::from_u128(step))));
    }
    let replay = servers[1].replays.next().await.unwrap().unwrap();
    assert!(servers[0].replays.advance(replay.clone(), None, some, Some(NOW)).await.unwrap());
    assert!(!servers[1].replays.advance(replay, None, some, Some(NOW)).await.unwrap());
}
