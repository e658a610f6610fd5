//! Which server leads.

use std::time::Duration;

use lamplight_server::store::Storage;
use lamplight_server::system::supervisor::Supervisor;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::servers::server;
use crate::harness::postgres::TestDatabase;

/// How long it may take until somebody leads again.
const TAKEN_OVER: Duration = Duration::from_secs(5);

async fn joined(database: &TestDatabase) -> Storage {
    let storage = server(database, &[]).await;
    storage.peers.join(&Supervisor::default(), &Handle::current()).await.unwrap();
    storage
}

/// How many of these lead.
fn leaders(servers: &[&Storage]) -> usize {
    servers.iter().filter(|server| server.peers.is_leader()).count()
}

async fn someone_leads(servers: &[&Storage]) {
    let leading = async {
        while leaders(servers) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TAKEN_OVER, leading).await.expect("another server leads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_server_leads_and_another_takes_over_when_it_closes() {
    let database = TestDatabase::create().await;
    let one = joined(&database).await;
    assert!(one.peers.is_leader(), "as soon as it has joined");
    let (two, three) = (joined(&database).await, joined(&database).await);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(one.peers.is_leader() && leaders(&[&two, &three]) == 0, "it goes on leading");
    one.close().await.unwrap();
    assert!(!one.peers.is_leader());
    someone_leads(&[&two, &three]).await;
    let (leader, other) = if two.peers.is_leader() { (two, three) } else { (three, two) };
    drop(leader);
    someone_leads(&[&other]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_never_lead_at_once_however_often_sessions_end() {
    let database = TestDatabase::create().await;
    let (one, two) = (joined(&database).await, joined(&database).await);
    let client = database.client().await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE application_name = 'lamplight leader' AND datname = current_database()";
    for _ in 0..3 {
        someone_leads(&[&one, &two]).await;
        client.query_one(end, &[]).await.unwrap();
        let (until, mut both) = (Instant::now() + Duration::from_secs(3), 0);
        while Instant::now() < until {
            both = if leaders(&[&one, &two]) == 2 { both + 1 } else { 0 };
            assert!(both < 50, "two servers lead for longer than the news of the end takes");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
