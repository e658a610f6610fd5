//! Servers that are frozen and killed under load: nothing is lost, doubled, or stuck for longer
//! than a lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_postgres::{Client, NoTls};

use super::{Shared, wait_for};
use crate::harness::ending;
use crate::harness::postgres::TestDatabase;
use crate::kill::{Page, stored};

/// How long a lease of payloads lasts, and what comes on top: the database ends the transactions of
/// a frozen server meanwhile.
const LEASE: Duration = Duration::from_mins(1);
const MORE: Duration = Duration::from_secs(15);
/// After how long the database ends a transaction that a frozen server does not go on with.
const TRANSACTION: Duration = Duration::from_secs(30);
const SENDERS: u64 = 4;
const NONE: [&str; 0] = [];

/// Lets pages send to all servers in turn until it is told to stop. Gives the pages.
fn load(servers: &Arc<[Shared]>, stop: &Arc<AtomicBool>) -> Vec<std::thread::JoinHandle<Page>> {
    let sender = |number: u64| {
        let (servers, stop) = (Arc::clone(servers), Arc::clone(stop));
        std::thread::spawn(move || {
            let (mut page, mut turn) = (Page::new(number), 0_usize);
            while !stop.load(Ordering::Acquire) {
                turn += 1;
                let more = page.queue.len() < 100;
                page.send(&servers[turn % servers.len()].server, more);
            }
            page
        })
    };
    (0..SENDERS).map(sender).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_and_a_frozen_server_had_is_finished_by_another() {
    let database = TestDatabase::create().await;
    let servers: Arc<[Shared]> = (0..3).map(|_| Shared::start(&database)).collect();
    let [frozen, killed, left] = &*servers else { unreachable!() };
    let stop = Arc::new(AtomicBool::new(false));
    let pages = load(&servers, &stop);
    std::thread::sleep(Duration::from_secs(2));
    ending::kill(killed.server.pid());
    std::thread::sleep(Duration::from_secs(1));
    stop.store(true, Ordering::Release);
    let mut pages: Vec<Page> = pages.into_iter().map(|page| page.join().unwrap()).collect();
    let mut last = Page::new(SENDERS);
    assert!(last.send(&frozen.server, true));
    ending::freeze(frozen.server.pid());
    let mut after = Page::new(SENDERS + 1);
    assert!(after.send(&left.server, true));
    for page in &mut pages {
        while !page.queue.is_empty() {
            assert!(page.send(&left.server, false), "the server that is left takes everything");
        }
    }
    let producer = after.producer.to_string();
    pages.extend([last, after]);
    wait_for("delivery goes on", TRANSACTION + MORE, || left.archive().contains(&producer));
    wait_for("nothing is stuck", LEASE + MORE, || left.server.totals()["queue"]["depth"] == 0);
    let check = || {
        let stored = stored(&left.server);
        for page in &pages {
            for seq in &page.acknowledged {
                let count = stored.get(&(page.producer.to_string(), *seq));
                assert_eq!(count, Some(&1), "event {seq} of {}", page.producer);
            }
        }
        let acknowledged: usize = pages.iter().map(|page| page.acknowledged.len()).sum();
        assert!(acknowledged > 100, "{acknowledged} events");
        assert_eq!(stored.len(), acknowledged, "nothing else is stored");
    };
    check();
    ending::thaw(frozen.server.pid());
    std::thread::sleep(Duration::from_secs(4));
    check();
    assert_eq!(frozen.server.totals()["queue"]["depth"], 0);
}

/// A session of a server that can be frozen: nothing is read from its connection, or written to it,
/// once it is told.
async fn session(database: &TestDatabase) -> (Client, Arc<Notify>) {
    let url = format!("{}?application_name=lamplight", database.url);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let freeze = Arc::<Notify>::default();
    let frozen = Arc::clone(&freeze);
    tokio::spawn(async move {
        tokio::pin!(connection);
        tokio::select! {
            _ = &mut connection => {}
            () = frozen.notified() => std::future::pending().await,
        }
    });
    client.batch_execute("SET search_path = lamplight").await.unwrap();
    (client, freeze)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_session_that_the_database_waits_for_ends_when_others_wait() {
    let database = TestDatabase::create().await;
    let server = Shared::start(&database);
    let mut page = Page::new(1);
    assert!(page.send(&server.server, true));
    wait_for("it is processed", MORE, || server.server.totals()["queue"]["depth"] == 0);
    let (reading, freeze_reading) = session(&database).await;
    let (copying, freeze_copying) = session(&database).await;
    for session in [&reading, &copying] {
        session.batch_execute("BEGIN; LOCK TABLE applied IN SHARE MODE").await.unwrap();
    }
    let rows = copying.copy_in::<_, bytes::Bytes>("COPY profile_words FROM STDIN").await.unwrap();
    let answer =
        reading.query_raw("SELECT repeat('x', 1000000) FROM generate_series(1, 100)", NONE);
    let answer = answer.await.unwrap();
    freeze_reading.notify_one();
    freeze_copying.notify_one();
    assert!(page.send(&server.server, true));
    assert!(server.server.totals()["queue"]["depth"] != 0, "the sessions hold what it needs");
    wait_for("others go on", TRANSACTION, || server.server.totals()["queue"]["depth"] == 0);
    let log = server.server.log();
    assert!(log.contains("ended sessions of the database whose server is frozen"), "{log}");
    drop((rows, answer));
}
