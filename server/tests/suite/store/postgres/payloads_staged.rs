//! Staging payloads while connections break, and while the database is down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lamplight_server::store::{NewPayload, PayloadMetadata, StoreError, WriterLimits};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::payloads::{lease, limited, server, settle};
use crate::harness::postgres::TestDatabase;
use crate::store::sample::{NOW, ask, payload};

const TERMINATE: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
     WHERE datname = current_database() AND application_name = 'lamplight'";

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn payloads_that_are_staged_together_are_committed_together() {
    let database = TestDatabase::create().await;
    let storage = server(&database).await;
    storage.payload_queue.stage(payload(1, "[]")).await.unwrap();
    let staged = (2..=500).map(|number| storage.payload_queue.stage(payload(number, "[{},{}]")));
    for staged in staged.collect::<Vec<_>>() {
        staged.await.unwrap();
    }
    let commits = storage.intake_database.commits();
    assert_eq!((commits.writes, commits.failures, commits.queued_bytes), (500, 0, 0));
    let groups = commits.group.count();
    assert!(groups <= 10, "{groups} commits");
    assert_eq!(storage.payload_queue.backlog().await.unwrap().events, 1_000);
}

#[tokio::test]
async fn a_future_that_is_dropped_does_not_cancel_its_write() {
    let database = TestDatabase::create().await;
    let storage = server(&database).await;
    drop(storage.payload_queue.stage(payload(1, "[]")));
    let second = storage.payload_queue.stage(payload(2, "[]"));
    assert!(tokio::time::timeout(Duration::ZERO, second).await.is_err());
    storage.close().await.unwrap();
    let client = database.client().await;
    assert_eq!(count(&client, "SELECT count(*) FROM payloads").await, 2);
    assert_eq!(count(&client, "SELECT sum(payloads)::bigint FROM queue_counts").await, 2);
}

#[tokio::test]
async fn beyond_the_limit_of_queued_bytes_a_payload_is_refused_at_once() {
    let database = TestDatabase::create().await;
    let storage = limited(&database, WriterLimits { queued_bytes_max: 1_000 }).await;
    let large = storage.payload_queue.stage(payload(1, &"x".repeat(600))).await;
    assert!(matches!(large, Err(StoreError::Full { retry_after_s: 1.., .. })), "{large:?}");
    storage.payload_queue.stage(payload(2, &"x".repeat(400))).await.unwrap();
    storage.payload_queue.stage(payload(3, &"x".repeat(400))).await.unwrap();
}

#[tokio::test]
async fn a_payload_that_the_database_does_not_take_fails_alone() {
    let database = TestDatabase::create().await;
    let storage = server(&database).await;
    let client = database.client().await;
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'a bad one' USING ERRCODE = 'data_exception'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON payloads FOR EACH ROW WHEN (NEW.source = 'bad') \
         EXECUTE FUNCTION refuse()";
    client.batch_execute(refuse).await.unwrap();
    let staged = (1..=60).map(|number| {
        let NewPayload { metadata, body, .. } = payload(number, "[{},{}]");
        let source = if number % 20 == 7 { "bad" } else { "web" }.to_owned();
        let metadata = PayloadMetadata { source, ..metadata };
        (number, storage.payload_queue.stage(NewPayload { metadata, body, home: None }))
    });
    for (number, staged) in staged.collect::<Vec<_>>() {
        let staged = staged.await;
        if number % 20 == 7 {
            assert!(matches!(staged, Err(StoreError::Database { .. })), "{number}: {staged:?}");
        } else {
            staged.unwrap();
        }
    }
    assert!(storage.intake_database.is_up());
    let backlog = storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.payloads, backlog.events), (57, 114));
}

#[tokio::test]
async fn while_the_database_takes_nobody_staging_fails_at_once_and_works_again_after() {
    let database = TestDatabase::create().await;
    let storage = server(&database).await;
    storage.payload_queue.stage(payload(1, "[]")).await.unwrap();
    let client = database.client().await;
    let (cluster, name) = database.url.rsplit_once('/').unwrap();
    let (elsewhere, connection) =
        tokio_postgres::connect(&format!("{cluster}/postgres"), NoTls).await.unwrap();
    tokio::spawn(connection);
    let allow = |allowed| format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}");
    elsewhere.batch_execute(&allow(false)).await.unwrap();
    count(&client, TERMINATE).await;
    let began = crate::harness::now();
    let down = storage.payload_queue.stage(payload(2, "[]")).await;
    assert!(matches!(down, Err(StoreError::Down { retry_after_s: 1.. })), "{down:?}");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    let began = crate::harness::now();
    let down = storage.payload_queue.stage(payload(3, "[]")).await;
    assert!(matches!(down, Err(StoreError::Down { .. })), "{down:?}");
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    assert!(!storage.intake_database.is_up());
    elsewhere.batch_execute(&allow(true)).await.unwrap();
    let began = crate::harness::now();
    while !storage.intake_database.is_up() {
        assert!(began.elapsed() < Duration::from_secs(15));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    storage.payload_queue.stage(payload(4, "[]")).await.unwrap();
    let stored = "SELECT array_agg(id ORDER BY id) FROM payload_queue";
    let stored: Vec<Uuid> = client.query_one(stored, &[]).await.unwrap().get(0);
    assert_eq!(stored, [1, 4].map(Uuid::from_u128), "what was refused is not there");
}

/// The connection that writes a payload ends `breaks` times in a row. Gives whether the database
/// counted as up all the time.
async fn is_up_although_writes_break(breaks: u32) -> bool {
    let database = TestDatabase::create().await;
    let storage = server(&database).await;
    let client = database.client().await;
    // A sequence counts what is rolled back, too.
    let end = format!(
        "CREATE SEQUENCE breaks; CREATE FUNCTION end_connection() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF nextval('lamplight.breaks') <= {breaks} THEN \
         PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$; \
         CREATE TRIGGER end_connection BEFORE INSERT ON payloads FOR EACH ROW \
         EXECUTE FUNCTION end_connection()"
    );
    client.batch_execute(&end).await.unwrap();
    let mut staged = std::pin::pin!(storage.payload_queue.stage(payload(1, "[]")));
    let mut is_up = true;
    let outcome = loop {
        tokio::select! {
            outcome = &mut staged => break outcome,
            () = tokio::time::sleep(Duration::from_millis(1)) => {
                is_up &= storage.intake_database.is_up();
            }
        }
    };
    outcome.unwrap();
    assert_eq!(count(&client, "SELECT count(*) FROM payloads").await, 1);
    assert_eq!(count(&client, "SELECT last_value FROM breaks").await, i64::from(breaks) + 1);
    is_up
}

#[tokio::test]
async fn two_breaks_in_a_row_are_no_outage_and_three_are_one() {
    assert!(is_up_although_writes_break(2).await);
    assert!(!is_up_although_writes_break(3).await);
}

/// 64 clients stage through one server while another works, and all connections of both are
/// terminated again and again. Each client stages until enough of its payloads were answered: on a
/// slow machine, connections last for less of the time.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn whatever_breaks_a_payload_that_was_answered_is_stored_and_settled_once() {
    const STAGERS: u128 = 64;
    const EACH: u128 = 13;
    let database = TestDatabase::create().await;
    let (intake, worker) = (server(&database).await, server(&database).await);
    let answered = Arc::new(Mutex::new(BTreeSet::new()));
    let stagers: JoinSet<()> = (0..STAGERS)
        .map(|stager| {
            let (storage, answered) = (intake.clone(), Arc::clone(&answered));
            async move {
                let mut remaining = EACH;
                for number in (0..).map(|number| number * STAGERS + stager) {
                    let staged = storage.payload_queue.stage(payload(number, "[{},{}]")).await;
                    if staged.is_ok() {
                        answered.lock().await.insert(number);
                        remaining -= 1;
                    }
                    if remaining == 0 {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        })
        .collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let breaks = tokio::spawn({
        let (client, is_over) = (database.client().await, Arc::clone(&is_over));
        let answered = Arc::clone(&answered);
        async move {
            let (mut terminated, mut answered_before) = (0, 0);
            while !is_over.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(70)).await;
                let answered = answered.lock().await.len();
                // A connection that takes longer than this to make is not broken before it worked.
                if answered > answered_before {
                    answered_before = answered;
                    terminated += count(&client, TERMINATE).await;
                }
            }
            terminated
        }
    });
    let works = tokio::spawn({
        let is_over = Arc::clone(&is_over);
        async move {
            let (mut settled, mut leased_once) = (BTreeMap::<u128, u32>::new(), BTreeSet::new());
            let (mut now_ms, mut token) = (NOW, 0);
            loop {
                token += 1;
                let mut over = is_over.load(Ordering::SeqCst);
                match lease(&worker, token, now_ms, 30).await {
                    Ok(leased) => {
                        over &= leased.is_empty();
                        let numbers = leased.iter().map(|it| it.metadata.id.0.as_u128());
                        leased_once.extend(numbers.clone());
                        if settle(&worker, &leased).await.is_ok() {
                            for number in numbers {
                                *settled.entry(number).or_default() += 1;
                            }
                        }
                    }
                    Err(_) => over = false,
                }
                // The last break may come after the last payload.
                let backlog = worker.payload_queue.backlog().await;
                if over && backlog.is_ok_and(|it| it.payloads == 0) {
                    return (settled, leased_once);
                }
                // What a broken connection left leased is due again later.
                now_ms += if over || token % 8 == 0 { 60_000 } else { 1 };
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });
    tokio::time::timeout(Duration::from_mins(2), stagers.join_all()).await.unwrap();
    is_over.store(true, Ordering::SeqCst);
    assert!(breaks.await.unwrap() > 10, "connections were terminated");
    let (settled, leased) =
        tokio::time::timeout(Duration::from_mins(1), works).await.unwrap().unwrap();
    let answered = answered.lock().await;
    assert_eq!(answered.len() as u128, STAGERS * EACH);
    assert!(settled.values().all(|times| *times == 1), "settled twice: {settled:?}");
    assert!(answered.is_subset(&leased), "lost: {:?}", answered.difference(&leased));
    let client = database.client().await;
    let stored = client.query("SELECT id FROM payloads ORDER BY id", &[]).await.unwrap();
    let stored: Vec<u128> = stored.iter().map(|row| row.get::<_, Uuid>(0).as_u128()).collect();
    let distinct: BTreeSet<u128> = stored.iter().copied().collect();
    assert_eq!(stored.len(), distinct.len(), "stored twice");
    assert!(answered.is_subset(&distinct), "lost: {:?}", answered.difference(&distinct));
    assert_eq!(count(&client, "SELECT count(*) FROM payload_queue").await, 0);
    let sums = "SELECT sum(payloads)::bigint + sum(events)::bigint FROM queue_counts";
    assert_eq!(count(&client, sums).await, 0, "the lanes add up to the queue");
}

#[tokio::test]
async fn a_group_whose_outcome_is_unknown_is_not_queued_again_after_it_was_settled() {
    let database = TestDatabase::create().await;
    let (storage, other) = (server(&database).await, server(&database).await);
    let staged = payload(1, "[{},{}]");
    storage.payload_queue.stage(staged.clone()).await.unwrap();
    settle(&storage, &other.payload_queue.lease(ask(1, NOW, 1)).await.unwrap()).await.unwrap();
    // What the writer does when the answer to the first was lost.
    storage.payload_queue.stage(staged).await.unwrap();
    let backlog = storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.payloads, backlog.events), (0, 0));
}
