//! A store with many events: counting them at an upgrade, and reading the counts. Prints how long
//! that takes. `LAMPLIGHT_LARGE_EVENTS` says how many events, 300 bytes of disk each.

use std::path::Path;
use std::time::Duration;

use lamplight_server::process::row_id;
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    CatalogueQuery, ErrorQuery, PayloadId, Resolution, Storage, TrafficQuery, Week,
};
use rusqlite::{Connection, params};
use tokio::time::Instant;
use uuid::Uuid;

use super::upgrade::server::{NOW, Server};

const SOURCES: u64 = 20;
const NAMES: u64 = 300;
const WEEKS: u64 = 13;
const PAYLOAD_EVENTS: u64 = 500;

/// Adds events to the file of one week, as an earlier version left them: not counted.
fn fill_week(folder: &Path, week: Week, events: u64) {
    let store = Connection::open(folder.join("store.db")).unwrap();
    store
        .execute(
            "INSERT INTO weeks (week, state, batch, events, schema) VALUES (?1, 'sealed', 0, ?2, 4)",
            params![week.number(), events],
        )
        .unwrap();
    let name = format!("events-{week}.db");
    let connection = Connection::open(folder.join(name)).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
    for step in super::upgrade::older::steps("week") {
        connection.execute_batch(step.sql().unwrap()).unwrap();
    }
    connection.execute_batch("BEGIN").unwrap();
    let mut insert = connection
        .prepare(
            "INSERT INTO events (id, type, name, source, time_ms, received_ms, created_day, payload_id, \
             payload_index, properties) VALUES (?1, 'default', ?2, ?3, ?4, ?4, 20231114, ?5, ?6, ?7)",
        )
        .unwrap();
    for number in 0..events {
        let (payload, index) = (number / PAYLOAD_EVENTS, number % PAYLOAD_EVENTS);
        let step_ms = WEEK_MS / i64::try_from(events / PAYLOAD_EVENTS + 1).unwrap();
        let received_ms = week.from_ms() + i64::try_from(payload).unwrap() * step_ms;
        let of_payload = PayloadId(Uuid::from_u128(
            u128::try_from(received_ms).unwrap() << 80 | u128::from(payload) << 16,
        ));
        let id = row_id(of_payload, received_ms, u32::try_from(index).unwrap());
        insert
            .execute(params![
                id.0.as_bytes(),
                format!("event {}", number * 7 % NAMES),
                format!("source {}", payload % SOURCES),
                received_ms,
                of_payload.0.as_bytes(),
                index,
                r#"{"plan":"pro","amount":12.5,"page":{"path":"/pricing","title":"Pricing"}}"#,
            ])
            .unwrap();
    }
    drop(insert);
    connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// Runs each read 20 times, and gives the second slowest: the 95th percentile.
async fn p95<T>(read: impl AsyncFn() -> T) -> Duration {
    let mut times = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        read().await;
        times.push(begun.elapsed());
    }
    times.sort();
    times[18]
}

async fn read(storage: &Storage) {
    let page = |limit| CatalogueQuery { limit, ..CatalogueQuery::default() };
    let tallies = &storage.tallies;
    let errors = || ErrorQuery { stage: None, source: None, sink: None, after: None, limit: 500 };
    let to_ms = NOW + WEEK_MS * i64::try_from(WEEKS).unwrap();
    let traffic = |resolution: Resolution, periods| TrafficQuery {
        source: None,
        resolution,
        from_ms: to_ms - resolution.period_ms() * periods,
        to_ms,
    };
    println!("50 names: {:?}", p95(async || tallies.names(page(50)).await.unwrap()).await);
    println!("500 names: {:?}", p95(async || tallies.names(page(500)).await.unwrap()).await);
    let prefix = || CatalogueQuery { prefix: Some("event 29".into()), ..page(50) };
    println!("a prefix: {:?}", p95(async || tallies.names(prefix()).await.unwrap()).await);
    let properties =
        async || tallies.properties("source 3".into(), "event 7".into()).await.unwrap().unwrap();
    println!("properties: {:?}", p95(properties).await);
    for (resolution, periods) in [(Resolution::Minute, 180), (Resolution::Day, 400)] {
        let read = async || tallies.traffic(traffic(resolution, periods)).await.unwrap();
        println!("traffic by {}: {:?}", resolution.name(), p95(read).await);
    }
    println!("errors: {:?}", p95(async || tallies.errors(errors()).await.unwrap()).await);
}

#[tokio::test]
async fn a_store_with_many_events_is_counted_once_and_read_from_its_counts() {
    let events = std::env::var("LAMPLIGHT_LARGE_EVENTS").ok().and_then(|it| it.parse().ok());
    let events: u64 = events.unwrap_or(26_000);
    let folder = tempfile::tempdir().unwrap();
    Server::open(folder.path()).unwrap().close().await;
    for week in 0..WEEKS {
        let week = Week::of_ms(NOW + i64::try_from(week).unwrap() * WEEK_MS);
        fill_week(folder.path(), week, events / WEEKS);
    }
    let store = Connection::open(folder.path().join("store.db")).unwrap();
    store.execute_batch("UPDATE totals SET tally_log = NULL").unwrap();
    drop(store);
    let begun = Instant::now();
    let server = Server::open(folder.path()).unwrap();
    println!("counted {events} events in {:?}", begun.elapsed());
    read(&server.storage).await;
    let query = CatalogueQuery { limit: 10_000, ..CatalogueQuery::default() };
    let names = server.storage.tallies.names(query).await.unwrap().names;
    let counted: i64 = names.iter().map(|it| it.counts.total()).sum();
    assert_eq!(counted.unsigned_abs(), events / WEEKS * WEEKS);
    assert!(names.iter().all(|it| !it.name.is_empty()), "{} names", names.len());
    server.close().await;
}
