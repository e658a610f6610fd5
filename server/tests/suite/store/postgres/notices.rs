//! What servers on one database tell each other.

use std::time::Duration;

use lamplight_server::store::{Key, KeyKind, Storage, WorkerSlot};
use lamplight_server::system::supervisor::Supervisor;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::servers::{server, store};
use crate::harness::postgres::TestDatabase;
use crate::store::sample::{NOW, payload};

/// Far less than the time after which everyone looks by itself.
const SOON: Duration = Duration::from_millis(700);

async fn joined(database: &TestDatabase) -> (Storage, Supervisor) {
    let (storage, supervisor) = (server(database, &["a"]).await, Supervisor::default());
    storage.peers.join(&supervisor, &Handle::current()).await.unwrap();
    (storage, supervisor)
}

fn key(text: &str) -> Key {
    Key::new(KeyKind::Secret, "backend", text, NOW)
}

/// Until each knows that there are others.
async fn known_to_each_other() {
    tokio::time::sleep(Duration::from_millis(2_500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_does_another_hears_at_once() {
    let database = TestDatabase::create().await;
    let (one, _one) = joined(&database).await;
    let (two, _two) = joined(&database).await;
    known_to_each_other().await;
    let (mut own, mut heard) = (one.peers.changes().unwrap(), two.peers.changes().unwrap());
    own.keys.mark_unchanged();
    heard.keys.mark_unchanged();
    one.keys.add(vec![key("sk_a")]).await.unwrap();
    timeout(SOON, heard.keys.changed()).await.expect("keys").unwrap();
    assert!(!own.keys.has_changed().unwrap(), "a server needs no notice of its own");

    heard.sessions.mark_unchanged();
    one.sessions.remove([0; 32]).await.unwrap();
    timeout(SOON, heard.sessions.changed()).await.expect("sessions").unwrap();

    let mut queued = two.delivery_queue.queued();
    queued.mark_unchanged();
    store(&one, 1, 1).await;
    timeout(SOON, queued.changed()).await.expect("queued").unwrap();

    let slot = WorkerSlot::among(1).next().unwrap();
    // A notice may be left from the start.
    drop(timeout(SOON, two.payload_queue.staged(slot)).await);
    let staged = two.payload_queue.staged(slot);
    one.payload_queue.stage(payload(1, "{}")).await.unwrap();
    timeout(SOON, staged).await.expect("staged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_events_is_woken_although_notices_are_lost() {
    let database = TestDatabase::create().await;
    let (one, _one) = joined(&database).await;
    let (two, _two) = joined(&database).await;
    known_to_each_other().await;
    let client = database.client().await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE application_name = 'lamplight notices' AND datname = current_database()";
    let mut changes = two.reader.changes();
    for number in 2..5 {
        changes.mark_unchanged();
        let ended: i64 = client.query_one(end, &[]).await.unwrap().get(0);
        store(&one, number, 1).await;
        assert!(ended > 0, "there are connections to lose");
        timeout(Duration::from_secs(3), changes.changed()).await.expect("stored").unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // And it hears notices again.
    known_to_each_other().await;
    let mut heard = two.peers.changes().unwrap();
    heard.keys.mark_unchanged();
    one.keys.add(vec![key("sk_b")]).await.unwrap();
    timeout(SOON, heard.keys.changed()).await.expect("keys").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_closed_keeps_no_connection() {
    let database = TestDatabase::create().await;
    let (one, supervisor) = joined(&database).await;
    supervisor.begin_shutdown();
    let client = database.client().await;
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'lamplight %' \
                 AND datname = current_database()";
    let connections = async || client.query_one(count, &[]).await.unwrap().get::<_, i64>(0);
    let connected = async {
        while connections().await < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(5), connected).await.expect("one to lead, one for notices");
    one.close().await.unwrap();
    let ended = async {
        while connections().await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(3), ended).await.expect("they end");
    assert!(!one.peers.is_leader());
}
