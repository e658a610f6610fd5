//! What a stream does with payloads, in front of a queue in memory.

use std::sync::Arc;

use lamplight_server::store::{StoreError, Ticket};

use super::cluster::Cluster;
use super::failing_queue::FailingQueue;
use super::opened::{Opened, becomes};
use super::start_checks::operator;
use crate::store::memory::Memory;
use crate::store::sample::{NOW, ask, payload};

async fn stage(opened: &Opened, number: u128) -> Result<(), StoreError> {
    opened.queue.stage(payload(number, "[{},{}]")).await
}

#[tokio::test]
async fn payloads_arrive_as_they_came_and_once() {
    let cluster = Cluster::alone();
    let opened = Opened::new(&cluster.url("")).await.unwrap();
    let body = " [ {\"name\" : \"a\\u0000\"} ]\n";
    opened.queue.stage(payload(1, body)).await.unwrap();
    let many = (2..=300).map(|number| stage(&opened, number));
    assert!(futures_util::future::join_all(many).await.iter().all(Result::is_ok));
    opened.drained(300).await;
    let mut leased = opened.queue.lease(ask(1, NOW, 1_000)).await.unwrap();
    leased.sort_by_key(|it| it.metadata.id);
    assert_eq!(leased.len(), 300);
    let sent = payload(1, body);
    assert_eq!((&leased[0].metadata, &leased[0].body), (&sent.metadata, &sent.body));
    let tickets: Vec<Ticket> = leased.iter().map(|it| it.ticket.clone()).collect();
    opened.queue.settle(leased[0].lease, tickets, NOW).await.unwrap();
    assert_eq!(opened.behind().await.payloads, 0);
    // Many shared a group: that is what the stream is fast with.
    let stream = operator(&cluster).await.get_stream("lamplight").await.unwrap();
    assert!(stream.cached_info().state.last_sequence < 150, "{:?}", stream.cached_info().state);
    opened.close().await;
    assert!(matches!(stage(&opened, 1).await, Err(StoreError::Down { .. })), "it is closed");
}

#[tokio::test]
async fn a_group_that_is_delivered_again_is_staged_once() {
    let cluster = Cluster::alone();
    let inner = Memory::default().open(Vec::new());
    // It stages, and fails all the same: as if the server had ended before the acknowledgement.
    let failing = Arc::new(FailingQueue::new(Arc::clone(&inner.payload_queue)));
    failing.fail_after_staging(5);
    let opened = Opened::over(&cluster.url(""), inner, failing.clone()).await.unwrap();
    for number in 1..=20 {
        stage(&opened, number).await.unwrap();
    }
    opened.drained(20).await;
    assert_eq!(failing.left(), 0, "it failed as often as it should");
    let stream = opened.queue.backlog().await.unwrap().stream.unwrap();
    assert!(stream.redelivered > 0, "{stream:?}");
    opened.close().await;
}

#[tokio::test]
async fn while_the_database_is_down_payloads_are_accepted_and_counted() {
    let cluster = Cluster::alone();
    let memory = Memory::default();
    let inner = memory.open(Vec::new());
    let failing = Arc::new(FailingQueue::new(Arc::clone(&inner.payload_queue)));
    failing.fail_before_staging(u64::MAX);
    let opened = Opened::over(&cluster.url(""), inner, failing).await.unwrap();
    for number in 1..=3 {
        stage(&opened, number).await.unwrap();
    }
    assert!(opened.database.is_up());
    let backlog = opened.queue.backlog().await.unwrap();
    let stream = backlog.stream.unwrap();
    assert_eq!((backlog.payloads, stream.groups, stream.unreadable), (0, 3, 0));
    assert!(stream.bytes > 100 && stream.bytes_max == 1 << 28, "{stream:?}");
    assert!(backlog.oldest_ms.is_some() && backlog.oldest_ms == stream.oldest_ms, "{backlog:?}");
    // A restart keeps them.
    opened.close().await;
    let inner = memory.open(Vec::new());
    let queue = Arc::clone(&inner.payload_queue);
    let opened = Opened::over(&cluster.url(""), inner, queue).await.unwrap();
    opened.drained(3).await;
    assert_eq!(opened.queue.backlog().await.unwrap().stream.unwrap().oldest_ms, None);
    opened.close().await;
}

#[tokio::test]
async fn a_message_that_cannot_be_read_stays_and_holds_up_nothing() {
    let cluster = Cluster::alone();
    let opened = Opened::new(&cluster.url("")).await.unwrap();
    let operator = operator(&cluster).await;
    for message in [&b"what is this"[..], b"LMPG\x02of a newer server", b"LMPG\x01\xff\xff", b""] {
        let sent = operator.publish("lamplight.payloads.1", message.to_vec().into()).await.unwrap();
        sent.await.unwrap();
    }
    for number in 1..=5 {
        stage(&opened, number).await.unwrap();
    }
    becomes("the others are staged", async || opened.behind().await.payloads == 5).await;
    becomes("the four were seen", async || {
        opened.queue.backlog().await.unwrap().stream.unwrap().unreadable >= 4
    })
    .await;
    becomes("only the four are left", async || opened.groups().await == 4).await;
    opened.close().await;
    let mut stream = operator.get_stream("lamplight").await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 4, "nothing is dropped");
}

#[tokio::test]
async fn a_full_stream_refuses_payloads_until_there_is_room() {
    let cluster = Cluster::alone();
    let url = cluster.url("").replace("max_gib=0.25", "max_gib=0.002");
    let inner = Memory::default().open(Vec::new());
    let failing = Arc::new(FailingQueue::new(Arc::clone(&inner.payload_queue)));
    failing.fail_before_staging(u64::MAX);
    let opened = Opened::over(&url, inner, failing.clone()).await.unwrap();
    let body = "x".repeat(400_000);
    let mut accepted = 0;
    let refused = loop {
        match opened.queue.stage(payload(accepted + 1, &body)).await {
            Ok(()) => accepted += 1,
            Err(refused) => break refused,
        }
        assert!(accepted < 100);
    };
    assert!(matches!(refused, StoreError::Full { retry_after_s: 1.., .. }), "{refused:?}");
    assert!((2..=6).contains(&accepted), "{accepted} were accepted");
    assert!(opened.database.is_up(), "smaller ones may fit");
    failing.fail_before_staging(0);
    opened.drained(accepted.try_into().unwrap()).await;
    opened.queue.stage(payload(1_000, &body)).await.unwrap();
    opened.drained(u64::try_from(accepted).unwrap() + 1).await;
    opened.close().await;
}

#[tokio::test]
async fn a_node_that_restarts_without_sync_makes_the_server_refuse_payloads() {
    let mut cluster = Cluster::start();
    let opened = Opened::new(&cluster.url("")).await.unwrap();
    stage(&opened, 1).await.unwrap();
    cluster.nodes[1].kill_9();
    cluster.nodes[1].configure("sync_interval: always", "sync_interval: 30s");
    cluster.up();
    becomes("it is refused", async || {
        opened.database.fault().is_some_and(|it| it.contains("node n2 ("))
    })
    .await;
    assert!(!opened.database.is_up());
    let fault = opened.database.fault().unwrap();
    assert!(fault.starts_with("the intake stream is not safe: node n2 ("), "{fault}");
    assert!(matches!(stage(&opened, 2).await, Err(StoreError::Down { .. })));
    cluster.nodes[1].kill_9();
    cluster.nodes[1].configure("sync_interval: 30s", "sync_interval: always");
    cluster.up();
    becomes("it is safe again", async || opened.database.is_up()).await;
    becomes("it takes payloads", async || stage(&opened, 3).await.is_ok()).await;
    opened.drained(2).await;
    opened.close().await;
}

#[tokio::test]
async fn nothing_is_accepted_between_a_restart_without_sync_and_the_next_check() {
    let mut cluster = Cluster::alone();
    let opened = Opened::new(&cluster.url("")).await.unwrap();
    stage(&opened, 1).await.unwrap();
    opened.drained(1).await;
    cluster.nodes[0].kill_9();
    cluster.nodes[0].configure("sync_interval: always", "sync_interval: 30s");
    cluster.up();
    let begun = crate::harness::now();
    for number in 2.. {
        let staged = stage(&opened, number).await;
        assert!(matches!(staged, Err(StoreError::Down { .. })), "{staged:?}");
        let is_known = opened.database.fault().is_some_and(|it| it.contains("not safe"));
        if is_known && begun.elapsed() > std::time::Duration::from_secs(3) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    opened.close().await;
}

#[tokio::test]
async fn a_stream_and_a_consumer_that_were_deleted_are_told_or_made_again() {
    let cluster = Cluster::alone();
    let opened = Opened::new(&cluster.url("")).await.unwrap();
    let operator = operator(&cluster).await;
    let stream = operator.get_stream("lamplight").await.unwrap();
    stream.delete_consumer("shard-1").await.unwrap();
    stage(&opened, 1).await.unwrap();
    opened.drained(1).await;
    operator.delete_stream("lamplight").await.unwrap();
    assert!(matches!(stage(&opened, 2).await, Err(StoreError::Down { .. })));
    let fault = opened.database.fault().unwrap();
    assert!(fault.contains("the stream has no leader, or was deleted"), "{fault}");
    opened.close().await;
    let again = Opened::new(&cluster.url("")).await.unwrap();
    stage(&again, 3).await.unwrap();
    again.drained(1).await;
    again.close().await;
}
