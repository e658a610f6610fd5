//! One of several servers leads, and another takes over.

use std::time::Duration;

use tokio_postgres::Client;

use super::{Shared, wait_for};
use crate::harness::ending;
use crate::harness::postgres::TestDatabase;

/// Until another leads when the leader was killed, and when it is frozen.
const KILLED: Duration = Duration::from_secs(6);
const FROZEN: Duration = Duration::from_secs(12);

/// Which process recorded trends last.
async fn recorder(client: &Client) -> u64 {
    let mark = client.query_opt("SELECT mark_json FROM trend_mark", &[]).await.unwrap();
    let mark: Option<serde_json::Value> =
        mark.map(|mark| serde_json::from_str(mark.get(0)).unwrap());
    mark.and_then(|mark| mark["run"].as_u64()).unwrap_or_default()
}

async fn someone_else_records(client: &Client, before: u64) -> u64 {
    for _ in 0..200 {
        let now = recorder(client).await;
        if now != before {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody else records trends");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_takes_over_what_the_leader_did_when_it_is_killed() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let one = Shared::start(&database);
    assert!(one.leads());
    let first = someone_else_records(&client, 0).await;
    let two = Shared::start(&database);
    assert!(!two.leads());
    assert_eq!(recorder(&client).await, first);
    // What the other one counts before it leads is not of its time as the leader.
    for number in 0..40 {
        let body = format!(r#"{{"v":1,"events":[{{"name":"a","id":"{number}"}}]}}"#);
        assert_eq!(two.server.send(&body).status, 200);
    }
    assert_eq!(two.server.settled()["stored"], 40);
    one.server.kill_9();
    wait_for("the other leads", KILLED, || two.leads());
    someone_else_records(&client, first).await;
    let trends = two.server.read("/api/trends?resolution=day").json();
    let days = trends["periods"].as_array().unwrap();
    let sum = |figure: &str| -> i64 {
        days.iter().map(|day| day["figures"][figure]["sum"].as_i64().unwrap()).sum()
    };
    assert_eq!((sum("payloads"), sum("stored")), (0, 40), "{trends}");
    assert_eq!(two.server.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_leader_is_replaced_and_follows_when_it_goes_on() {
    let database = TestDatabase::create().await;
    let (one, two) = (Shared::start(&database), Shared::start(&database));
    assert!(one.leads() && !two.leads());
    ending::freeze(one.server.pid());
    wait_for("the other leads", FROZEN, || two.leads());
    ending::thaw(one.server.pid());
    wait_for("the first follows", FROZEN, || !one.leads());
    let client = database.client().await;
    let count = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) \
                 WHERE locktype = 'advisory' AND granted AND application_name = 'lamplight leader' \
                 AND datname = current_database()";
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(client.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
    assert!(two.leads() && !one.leads());
}
