//! What the statements on payloads read, however they are planned: a few rows along an index, in
//! the partition of the week. Counted by the database itself while each runs.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use lamplight_server::store::{
    ExhaustedPayload, FailedPayload, LeasedPayload, PayloadId, PayloadSpan, Storage, Week,
};
use tokio_postgres::Client;
use uuid::Uuid;

use super::payloads::{lease, received, server, settle};
use crate::harness::postgres::TestDatabase;
use crate::store::sample::NOW;

const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// In each of four weeks. They are settled, but for the last week's.
const PAYLOADS: i64 = 4_000;
/// Blocks of tables and indexes that one call may touch.
const BLOCKS_MAX: i64 = 700;

fn week_ms(number: i64) -> i64 {
    Week::of_ms(NOW).from_ms() + number * WEEK_MS
}

/// The id of one of the payloads of a week.
fn id(week: i64, number: i64) -> PayloadId {
    let ms = u128::try_from(week_ms(week) + number).unwrap();
    PayloadId(Uuid::from_u128(ms << 80 | u128::try_from(number).unwrap()))
}

async fn fill(database: &TestDatabase, client: &Client) {
    let storage = server(database).await;
    for week in 0..4 {
        storage.payload_queue.stage(received(week_ms(week), 0)).await.unwrap();
    }
    settle(&storage, &lease(&storage, 1, NOW, 10).await.unwrap()).await.unwrap();
    storage.close().await.unwrap();
    let of_week = |week, sql: &str| {
        sql.replace("WEEK_MS", &week_ms(week).to_string()).replace(
            "ID",
            "(lpad(to_hex($W::bigint + n), 12, '0') || lpad(to_hex(n), 20, '0'))::uuid"
                .replace("$W", &week_ms(week).to_string())
                .as_str(),
        )
    };
    for week in 0..4 {
        let payloads = "INSERT INTO payloads SELECT ID, WEEK_MS + n, 'k', 's', 'identity', 1, 1000, NULL, NULL, \
             NULL, convert_to(repeat('abcdefgh', 100), 'UTF8') FROM generate_series(1, 4000) AS n";
        client.batch_execute(&of_week(week, payloads)).await.unwrap();
    }
    let queued = "INSERT INTO payload_queue (id, share, due_ms, received_ms, events, unpacked_bytes, last_error) \
         SELECT ID, n % 4, CASE WHEN n < 50 THEN n ELSE 0 END, WEEK_MS + n, 1, 1000, \
         CASE WHEN n < 50 THEN 'why' END FROM generate_series(1, 4000) AS n";
    client.batch_execute(&of_week(3, queued)).await.unwrap();
    let aside = "INSERT INTO set_aside (id, received_ms, events, unpacked_bytes, attempts, error, set_aside_ms, \
         discarded_ms) SELECT ID, WEEK_MS + n, 1, 1000, 1, 'why', WEEK_MS, CASE WHEN n % 2 = 0 THEN 1 END \
         FROM generate_series(1, 4000) AS n";
    client.batch_execute(&of_week(1, aside)).await.unwrap();
    // Its reads would be counted too.
    let tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' \
         AND relname ~ '^(payloads_|payload_queue|set_aside)'";
    for row in client.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let sql = format!("ALTER TABLE {table} SET (autovacuum_enabled = off)");
        client.batch_execute(&sql).await.unwrap();
    }
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
}

/// What a table's statements have done: scans of all of it, scans of an index, blocks.
type Reads = BTreeMap<String, [i64; 3]>;

async fn reads(client: &Client) -> Reads {
    let left = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'lamplight'";
    // Each connection counts its reads when it ends at the latest.
    while client.query_one(left, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // This one counts what it did before, such as filling the tables, a second later by itself.
    client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    let sql = "SELECT relname::text, seq_scan, coalesce(idx_scan, 0), coalesce(heap_blks_read, 0) + \
         coalesce(heap_blks_hit, 0) + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0) \
         FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid, relname) \
         WHERE relname ~ '^(payloads_|payload_queue|set_aside)'";
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), [row.get(1), row.get(2), row.get(3)])).collect()
}

/// Checks what one call reads, on connections of its own.
async fn check<T, F: Future<Output = T>>(
    database: &TestDatabase,
    client: &Client,
    (what, weeks): (&str, &[i64]),
    call: impl FnOnce(Storage) -> F,
) -> T {
    let before = reads(client).await;
    let storage = server(database).await;
    let done = call(storage.clone()).await;
    storage.close().await.unwrap();
    drop(storage);
    let after = reads(client).await;
    let partition = |week| {
        let name = Week::of_ms(week_ms(week)).to_string();
        format!("payloads_{}", name.replace('-', "_").to_lowercase())
    };
    let allowed: Vec<String> = weeks.iter().map(|week| partition(*week)).collect();
    let mut blocks = 0;
    for (table, [seq_scans, index_scans, touched]) in after {
        let old = before.get(&table).copied().unwrap_or_default();
        assert_eq!(seq_scans - old[0], 0, "{what} reads all of {table}");
        let is_used = index_scans > old[1];
        let is_other = table.starts_with("payloads_") && !allowed.contains(&table);
        assert!(!(is_used && is_other), "{what} looks into {table}");
        blocks += touched - old[2];
    }
    // Pruning looks past a thousand payloads that wait, each in two indexes.
    let blocks_max = if what == "prune" { 5 * BLOCKS_MAX } else { BLOCKS_MAX };
    assert!(blocks <= blocks_max, "{what} touches {blocks} blocks");
    done
}

#[expect(clippy::too_many_lines, reason = "it is a list of calls")]
async fn check_all(plan_cache_mode: &str) {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    fill(&database, &client).await;
    let name: String = client.query_one("SELECT current_database()", &[]).await.unwrap().get(0);
    let sql = format!("ALTER DATABASE {name} SET plan_cache_mode = {plan_cache_mode}");
    client.batch_execute(&sql).await.unwrap();
    let (db, sql) = (&database, &client);
    let now_ms = week_ms(4);

    check(db, sql, ("metadata", &[2]), |it| async move {
        assert!(it.archive.metadata(id(2, 5)).await.unwrap().is_some());
    })
    .await;
    check(db, sql, ("state", &[2]), |it| async move {
        assert!(it.payload_queue.state(id(2, 5)).await.unwrap().is_some());
    })
    .await;
    let span = PayloadSpan { first: id(2, 100), last: id(2, 900) };
    check(db, sql, ("count", &[2]), |it| async move {
        assert_eq!(it.archive.count(span).await.unwrap().payloads, 801);
    })
    .await;
    for after in [None, Some(id(2, 200))] {
        check(db, sql, ("payloads", &[2]), |it| async move {
            let page = it.archive.payloads(span, after, 50, 1 << 30).await.unwrap();
            assert_eq!(page.len(), 50);
        })
        .await;
    }
    check(db, sql, ("backlog", &[]), |it| async move {
        let backlog = it.payload_queue.backlog().await.unwrap();
        assert_eq!((backlog.failing, backlog.oldest_ms), (49, Some(week_ms(3) + 1)));
    })
    .await;
    for was_discarded in [false, true] {
        check(db, sql, ("set aside", &[1]), |it| async move {
            let (queue, after) = (it.payload_queue, Some(id(1, 1_000)));
            let page = if was_discarded {
                queue.list_discarded(after, 20).await
            } else {
                queue.list_set_aside(after, 20).await
            };
            assert_eq!(page.unwrap().len(), 20);
        })
        .await;
    }
    check(db, sql, ("unprocessed", &[1, 3]), |it| async move {
        let page = it.payload_queue.unprocessed(100, 1 << 30).await.unwrap();
        assert_eq!((page.payloads.len(), page.has_more), (100, true));
    })
    .await;
    check(db, sql, ("discard, restore and retry", &[1]), |it| async move {
        let (queue, id) = (it.payload_queue, id(1, 1_001));
        assert!(queue.discard(id, now_ms).await.unwrap());
        assert!(queue.restore(id).await.unwrap());
        assert!(queue.retry(id, now_ms + 900_000).await.unwrap());
    })
    .await;
    check(db, sql, ("stage", &[3]), |it| async move {
        it.payload_queue.stage(received(week_ms(3) + 9_000, 9_999)).await.unwrap();
    })
    .await;
    check(db, sql, ("lease and settle", &[3]), |it| async move {
        let leased = lease(&it, 1, now_ms, 20).await.unwrap();
        assert_eq!(leased.len(), 20);
        settle(&it, &leased).await.unwrap();
    })
    .await;
    check(db, sql, ("release and set aside", &[3]), |it| async move {
        let leased = lease(&it, 2, now_ms, 20).await.unwrap();
        let (queue, of) = (it.payload_queue, leased[0].lease);
        let fail = |it: &LeasedPayload| FailedPayload {
            ticket: it.ticket.clone(),
            due_ms: now_ms,
            error: "why".into(),
            is_own: true,
        };
        queue.release(of, leased[..10].iter().map(fail).collect(), now_ms).await.unwrap();
        let exhaust = |it: &LeasedPayload| ExhaustedPayload {
            ticket: it.ticket.clone(),
            error: "why".into(),
        };
        queue.set_aside(of, leased[10..].iter().map(exhaust).collect(), now_ms).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn statements_on_payloads_read_little_and_only_their_weeks() {
    check_all("auto").await;
}

#[tokio::test]
async fn statements_on_payloads_read_as_little_with_plans_for_any_values() {
    check_all("force_generic_plan").await;
}

#[tokio::test]
async fn pruning_reads_a_limited_number_of_rows() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    fill(&database, &client).await;
    assert_eq!(PAYLOADS, 4_000);
    // Nothing is old enough for a week to be dropped, which would be counted first.
    check(&database, &client, ("prune", &[0, 1, 2, 3]), |it| async move {
        assert_eq!(it.archive.prune(week_ms(0) + 2_000).await.unwrap(), 100);
    })
    .await;
}
