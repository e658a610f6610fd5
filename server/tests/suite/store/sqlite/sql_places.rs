//! Several statements of users at once, on the real files.

use std::time::Duration;

use lamplight_server::store::sqlite::{SqliteStore, WriterLimits};
use lamplight_server::store::{EventFilter, Reader, SqlError, SqlQuery};
use std::sync::Arc;
use tokio::task::JoinSet;

const STATEMENTS_MAX: usize = 4;
const ENDLESS: &str =
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";

fn query(sql: &str, time_max: Duration) -> SqlQuery {
    let (sql, filter) = (sql.to_owned(), EventFilter::default());
    SqlQuery { sql, filter, rows_max: 10, bytes_max: 1_000, time_max }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_run_at_once_and_one_too_many_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = Arc::new(SqliteStore::open(&path, WriterLimits::default(), Vec::new()).unwrap());
    let mut endless = JoinSet::new();
    for _ in 1..STATEMENTS_MAX {
        let store = Arc::clone(&store);
        endless.spawn(async move { store.sql(query(ENDLESS, Duration::from_mins(10))).await });
    }
    let answer = store.sql(query("SELECT 1", Duration::from_mins(1))).await.unwrap();
    assert_eq!(answer.unwrap().rows, [[1]], "three others still run");
    let one_more = Arc::clone(&store);
    endless.spawn(async move { one_more.sql(query(ENDLESS, Duration::from_mins(10))).await });
    // The last one may not have begun yet.
    let refused = loop {
        match store.sql(query("SELECT 1", Duration::from_millis(200))).await.unwrap() {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, SqlError::Busy(STATEMENTS_MAX)), "{refused:?}");
    // Callers that no longer wait give their places back.
    endless.shutdown().await;
    let answer = store.sql(query("SELECT 2", Duration::from_mins(1))).await.unwrap();
    assert_eq!(answer.unwrap().rows, [[2]]);
}
