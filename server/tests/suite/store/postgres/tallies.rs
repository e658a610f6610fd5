//! Tallies that several servers count at once, and that are stopped in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lamplight_server::store::postgres::{TalliesRepaired, repair};
use lamplight_server::store::tally::NAMES_MAX;
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    CatalogueQuery, EventIdentity, Plan, Resolution, Storage, StoreError, TrafficQuery,
};
use tokio_postgres::Client;

use super::fleet::Servers;
use crate::store::sample::{NOW, bad, good, good_with, number, plan_at, shared};

async fn names(storage: &Storage) -> Result<Vec<(String, i64)>, StoreError> {
    let query = CatalogueQuery { limit: 5_000, ..CatalogueQuery::default() };
    let names = storage.tallies.names(query).await?.names;
    Ok(names.into_iter().map(|it| (it.name, it.counts.total())).collect())
}

async fn sums(storage: &Storage) -> Result<[u64; 3], StoreError> {
    let query = TrafficQuery {
        source: None,
        resolution: Resolution::Day,
        from_ms: NOW - WEEK_MS,
        to_ms: NOW + WEEK_MS,
    };
    let counts = storage.tallies.traffic(query).await?.all;
    Ok([counts.stored, counts.duplicates, counts.invalid].map(|it| it.iter().sum()))
}

/// Names and sums, by a scan.
async fn scanned(client: &Client) -> (Vec<(String, i64)>, [u64; 3]) {
    let sql = "SELECT name COLLATE \"C\", count(*) FROM events GROUP BY 1 ORDER BY 1";
    let rows = client.query(sql, &[]).await.unwrap();
    let names: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let stored = names.iter().map(|(_, count)| count.unsigned_abs()).sum();
    let sql = "SELECT count(*) FROM outcomes WHERE state = $1";
    let mut others = [0, 0];
    for (other, state) in others.iter_mut().zip(["duplicate", "invalid"]) {
        *other = client.query_one(sql, &[&state]).await.unwrap().get::<_, i64>(0).unsigned_abs();
    }
    (names, [stored, others[0], others[1]])
}

/// A payload that has new events, duplicates, invalid ones, and properties.
fn payload(at: u64) -> Plan {
    let producer = u128::from(at % 7) + 1;
    let mut events: Vec<_> = (0..6)
        .map(|turn| {
            let event = good_with(&format!("name {}", (at + turn) % 11), |columns| {
                columns.properties_json = Some(format!(r#"{{"plan":"{}"}}"#, at % 3));
            });
            (number(producer, at / 7 * 4 + turn), event)
        })
        .collect();
    events.push((EventIdentity::Anonymous, good("anonymous")));
    events.push((EventIdentity::Anonymous, bad()));
    let received_ms = NOW + i64::try_from(at % 20).unwrap() * 60_000;
    plan_at(received_ms, u128::from(at) + 1, events)
}

async fn apply_until_done(storage: &Storage, plan: Plan, may_drop: bool) {
    let plans = shared([plan.clone()]);
    if may_drop {
        // As if the process was killed: at whichever statement it is.
        let short =
            Duration::from_micros(500 + u64::from(plan.events[0].id.0.as_fields().0 % 3_000));
        drop(tokio::time::timeout(short, storage.events.apply(plans, NOW)).await);
    }
    for _ in 0..200 {
        if storage.events.apply(shared([plan.clone()]), NOW).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a payload is not applied after 200 attempts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counts_are_exact_when_servers_count_and_are_killed_and_reads_never_go_back() {
    const PAYLOADS: u64 = 400;
    let servers = Servers::start(3).await;
    let ended = Arc::new(AtomicBool::new(false));
    let mut counting = tokio::task::JoinSet::new();
    for (place, storage) in (0..).zip(servers.storages.iter().cloned()) {
        for lane in 0..2_u64 {
            let storage = storage.clone();
            counting.spawn(async move {
                for at in (0..PAYLOADS).filter(|at| at % 6 == place * 2 + lane) {
                    apply_until_done(&storage, payload(at), at % 5 == 0).await;
                }
            });
        }
    }
    let mut others = tokio::task::JoinSet::new();
    for storage in servers.storages.clone() {
        let (is_ended, folding) = (Arc::clone(&ended), storage.clone());
        others.spawn(async move {
            while !is_ended.load(Ordering::Acquire) {
                drop(folding.tallies.record(Vec::new()).await);
                let fold = folding.tallies.record(Vec::new());
                drop(tokio::time::timeout(Duration::from_millis(2), fold).await);
            }
        });
        let is_ended = Arc::clone(&ended);
        others.spawn(async move {
            let (mut before, mut before_names) = ([0; 3], 0);
            while !is_ended.load(Ordering::Acquire) {
                if let (Ok(now), Ok(names)) = (sums(&storage).await, names(&storage).await) {
                    let named: i64 = names.iter().map(|(_, count)| count).sum();
                    assert!(before.iter().zip(&now).all(|(a, b)| a <= b), "{before:?} {now:?}");
                    assert!(named >= before_names && named.unsigned_abs() >= now[0]);
                    (before, before_names) = (now, named);
                }
            }
        });
    }
    let (client, is_ended) = (servers.database.client().await, Arc::clone(&ended));
    others.spawn(async move {
        while !is_ended.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = \
                 current_database() AND application_name = 'lamplight' AND state <> 'idle' LIMIT 1";
            client.execute(sql, &[]).await.unwrap();
        }
    });
    counting.join_all().await;
    ended.store(true, Ordering::Release);
    others.join_all().await;
    let client = servers.database.client().await;
    let (want_names, want_sums) = scanned(&client).await;
    assert_eq!(want_sums[2], PAYLOADS);
    for storage in &servers.storages {
        // What follows the last termination may still find its connection.
        for _ in 0..16 {
            drop(names(storage).await);
        }
        assert_eq!(names(storage).await.unwrap(), want_names);
        assert_eq!(sums(storage).await.unwrap(), want_sums);
        storage.close().await.unwrap();
    }
    let left = client.query_one("SELECT count(*) FROM tally_log", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0, "closing adds the log to the tallies");
    // By minute, hour, day and week too.
    let repaired = repair(&servers.url(), &mut |_, _| {}).await.unwrap();
    assert_eq!((repaired.changed, repaired.events), (0, want_sums[0]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_names_holds_when_servers_add_names_at_once() {
    let servers = Servers::start(3).await;
    let mut adding = tokio::task::JoinSet::new();
    for (server, storage) in (1..).zip(servers.storages.clone()) {
        adding.spawn(async move {
            for part in 0..9 {
                let named = (0..100).map(|it| {
                    (EventIdentity::Anonymous, good(&format!("{server}: {}", part * 100 + it)))
                });
                let plan = plan_at(NOW, server * 100 + part, named.collect());
                storage.events.apply(shared([plan]), NOW).await.unwrap();
                let found = names(&storage).await.unwrap();
                let own = found.iter().filter(|(name, _)| !name.is_empty()).count();
                assert!(own <= NAMES_MAX, "{own} names");
            }
        });
    }
    adding.join_all().await;
    let before = names(&servers.storages[0]).await.unwrap();
    assert_eq!(before.len(), NAMES_MAX + 1);
    let room = i64::try_from(NAMES_MAX).unwrap();
    assert_eq!(before[0], (String::new(), 2_700 - room));
    servers.storages[1].tallies.record(Vec::new()).await.unwrap();
    assert_eq!(names(&servers.storages[2]).await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_counts_what_is_stored_again_while_servers_store_more() {
    let servers = Servers::start(2).await;
    let storage = servers.storages[0].clone();
    for at in 0..40 {
        apply_until_done(&storage, payload(at), false).await;
    }
    storage.tallies.record(Vec::new()).await.unwrap();
    let client = servers.database.client().await;
    client
        .batch_execute(
            "DELETE FROM tallies WHERE kind = 2; \
             UPDATE tallies AS t SET counts = u.counts FROM tallies AS u \
             WHERE t.kind = 1 AND u.kind = 1 AND u.label = 'anonymous'; \
             INSERT INTO tallies (kind, owner, label, counts) SELECT 3, 'gone', '', counts FROM tallies \
             LIMIT 1",
        )
        .await
        .unwrap();
    assert_ne!(sums(&storage).await.unwrap(), scanned(&client).await.1);
    let more = servers.storages[1].clone();
    let storing = tokio::spawn(async move {
        for at in 40..80 {
            apply_until_done(&more, payload(at), false).await;
        }
    });
    let mut weeks = Vec::new();
    let repaired = repair(&servers.url(), &mut |week, events| weeks.push((week, events))).await;
    assert!(repaired.unwrap().changed > 3 && weeks.len() == 1);
    storing.await.unwrap();
    let (want_names, want_sums) = scanned(&client).await;
    assert_eq!(names(&storage).await.unwrap(), want_names);
    assert_eq!(sums(&storage).await.unwrap(), want_sums);
    let again = repair(&servers.url(), &mut |_, _| {}).await.unwrap();
    let TalliesRepaired { events, changed, .. } = again;
    assert_eq!((events, changed), (want_sums[0], 0));
    let found = storage.tallies.properties("web".into(), "name 3".into()).await.unwrap().unwrap();
    assert_eq!(found.facts.properties["plan"].examples.len(), 3);
}

#[tokio::test]
async fn what_was_counted_and_taken_back_makes_no_difference_to_a_repair() {
    let servers = Servers::start(1).await;
    let storage = &servers.storages[0];
    let plan = |at_ms, at, outcome| shared([plan_at(at_ms, at, vec![(number(at, 1), outcome)])]);
    for (at_ms, at) in [(NOW, 1), (NOW + WEEK_MS, 2)] {
        storage.events.apply(plan(at_ms, at, bad()), NOW).await.unwrap();
    }
    // One is left of the invalid events, and then none.
    for (at_ms, at) in [(NOW, 1), (NOW + WEEK_MS, 2)] {
        let again = storage.events.reapply(plan(at_ms, at, good("a")), NOW).await.unwrap();
        assert_eq!(again.accepted, 1);
        let repaired = repair(&servers.url(), &mut |_, _| {}).await.unwrap();
        assert_eq!((repaired.changed, u128::from(repaired.events)), (0, at));
    }
}
