//! This version starts on databases of earlier versions: nothing is missing, and work continues.

pub(crate) mod newer;
mod starts;

use std::collections::BTreeMap;

use lamplight_server::store::postgres::repair;
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    CatalogueQuery, ErrorQuery, EventFilter, LivePlace, Opening, Resolution, Route, Storage,
    TrafficQuery, TrendQuery, WriterLimits, postgres,
};
use lamplight_server::system::supervisor::Supervisor;
use lamplight_wire::event::Kind;

use crate::harness::postgres::{TestDatabase, urls};
use crate::store::filled::fill;
use crate::store::rows;
use crate::store::sqlite::upgrade::server::{NOW, Server};
use newer::steps;

/// What `pg_dump --inserts` wrote of a database that [`fill`] had filled, when the schema had three
/// steps. Lines that are not SQL, and the password of a role, are left out.
const SCHEMA_3: &str = include_str!("../../../../fixtures/postgres-schema-3.sql");
/// What a migration adds.
const ADDED: [&str; 4] = ["compatibility", "held_deliveries", "shard", "shard_moves"];
/// What a server writes when it opens a database: its role for statements, and where the live view
/// goes on, because transactions of a restored database have new numbers.
const OF_SERVERS: [&str; 2] = ["sql_role", "live_mark"];
/// What is empty in a database that no migration from or to a data directory has used.
const EMPTY: [&str; 2] = ["migration", "migration_progress"];

/// A database of schema 3.
async fn schema_3() -> TestDatabase {
    let database = TestDatabase::create_empty().await;
    // Restoring changes settings of the session.
    database.client().await.batch_execute(SCHEMA_3).await.unwrap();
    database
}

async fn open(url: &str, opening: Opening) -> Storage {
    let (limits, supervisor) = (WriterLimits::default(), Supervisor::default());
    postgres::open_as(&urls(url), limits, opening, &supervisor).await.unwrap()
}

async fn server_on(database: &TestDatabase) -> Server {
    let (types, only, except) = (vec![Kind::Default], Vec::new(), Vec::new());
    let route = Route { sink: "archive".into(), kind: "file", types, only, except };
    Server { storage: open(&database.url, Opening::Serve(vec![route])).await }
}

/// Everything that can be read, beside what [`Server`] reads.
async fn read(server: &Server) -> Vec<String> {
    let storage = &server.storage;
    let mut told = server.read_intake().await;
    told.extend(server.read_store(3).await);
    let ends = (NOW - 3 * WEEK_MS, NOW + 3 * WEEK_MS);
    let (from_ms, to_ms) = ends;
    for resolution in [Resolution::Minute, Resolution::Hour, Resolution::Day] {
        let query = TrendQuery { resolution, from_ms, to_ms, limit: 1_000 };
        told.push(format!("{:?}", storage.trends.periods(query).await.unwrap()));
        let query = TrafficQuery { source: None, resolution, from_ms, to_ms };
        told.push(format!("{:?}", storage.tallies.traffic(query).await.unwrap()));
    }
    let names = CatalogueQuery { limit: 100, ..CatalogueQuery::default() };
    told.push(format!("{:?}", storage.tallies.names(names).await.unwrap()));
    let (stage, source, sink, after, limit) = (None, None, None, None, 100);
    let errors = ErrorQuery { stage, source, sink, after, limit };
    told.push(format!("{:?}", storage.tallies.errors(errors).await.unwrap()));
    told.push(format!("{:?}", storage.alerts.book().await.unwrap()));
    told.push(format!("{:?}", storage.alerts.history(10).await.unwrap()));
    told.push(format!("{:?}", storage.saved_views.list("events".into()).await.unwrap()));
    told.push(format!("{:?}", storage.sessions.list(NOW).await.unwrap()));
    let start = LivePlace::default();
    let live = storage.reader.live(EventFilter::default(), start, 10_000).await.unwrap();
    told.extend(live.events.iter().map(|(_, event)| format!("{event:?}")));
    told
}

/// Finishes the work that was begun, and takes more.
async fn continue_work(server: &Server) {
    let later_ms = NOW + 4 * WEEK_MS;
    server.process(later_ms).await;
    server.replay(later_ms).await;
    server.stage(38..44, 0).await;
    // Events that arrived before, in other payloads.
    server.stage(10..14, 500_000).await;
    server.process(later_ms).await;
    let backlog = server.storage.payload_queue.backlog().await.unwrap();
    assert_eq!((backlog.payloads, backlog.failing, backlog.set_aside.payloads), (0, 0, 1));
    assert!(server.deliver(later_ms, 10_000, true).await > 60);
    assert_eq!(server.storage.delivery_queue.sinks().await.unwrap()[0].waiting, 0);
}

/// The rows of each table but some.
async fn rows_but(database: &TestDatabase, but: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut tables = rows::all(&database.client().await).await;
    tables.retain(|table, _| !but.contains(&table.as_str()));
    tables
}

#[tokio::test]
async fn a_database_of_schema_3_is_upgraded_whole_and_work_continues() {
    let (older, today) = (schema_3().await, TestDatabase::create().await);
    let before = rows_but(&older, &OF_SERVERS).await;
    for (table, rows) in &before {
        assert_eq!(rows.is_empty(), EMPTY.contains(&table.as_str()), "{table} is not covered");
    }
    open(&older.url, Opening::Change).await.close().await.unwrap();
    let after = rows_but(&older, &[&OF_SERVERS[..], &ADDED].concat()).await;
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (table, rows) in &before {
        let with_column = |row: &String| row.replacen(',', ",,", 2).replacen(",,", ",", 1);
        let rows: Vec<_> = match table.as_str() {
            // A mark of a database that is alone says nothing of buckets.
            "applied" => rows.iter().map(with_column).collect(),
            _ => rows.clone(),
        };
        assert_eq!(after[table], rows, "{table}");
    }
    // The last step says which servers may work with it.
    let version =
        "SELECT version, (SELECT max(version) FROM refinery_schema_history) FROM compatibility";
    let last = steps().len();
    let versions = rows::rows(&older.client().await, version).await;
    assert_eq!(versions, [format!("{last}|{last}")]);

    let (older_server, server) = (server_on(&older).await, server_on(&today).await);
    fill(&server).await;
    assert_eq!(read(&older_server).await, read(&server).await, "as it was left");
    continue_work(&older_server).await;
    continue_work(&server).await;
    assert_eq!(read(&older_server).await, read(&server).await, "as it went on");
    for (server, database) in [(older_server, older), (server, today)] {
        server.close().await;
        let repaired = repair(&database.url.parse().unwrap(), &mut |_, _| {}).await.unwrap();
        assert_eq!(repaired.changed, 0, "counts are those of a recount");
    }
}

/// A database stores the checksum of each step of its schema, so a released step must never change.
/// Add a step instead.
#[test]
fn a_step_that_was_released_never_changes() {
    let sums: Vec<_> = steps().iter().map(|step| format!("{step} {:x}", step.checksum())).collect();
    let known = [
        "V1__payloads a9178cf8bd91b1f2",
        "V2__events 93c10a0635046c40",
        "V3__server 2ba71fdaa4a4d296",
        "V4__compatibility 45e0318e8015588f",
        "V5__shards 23640f58c0b82021",
    ];
    assert_eq!(sums, known);
}
