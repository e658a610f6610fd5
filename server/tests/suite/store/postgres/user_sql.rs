//! Statements of users in PostgreSQL: what they see, and that they can do nothing else.

use std::time::Duration;

use lamplight_server::store::{
    EventFilter, EventIdentity, SqlError, SqlQuery, SqlTable, Storage, Week,
};
use serde_json::{Value, json};

use super::servers::server;
use crate::harness::postgres::TestDatabase;
use crate::store::sample::{NOW, good, good_with, number, plan, plan_at, shared};

const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

fn query(sql: &str) -> SqlQuery {
    SqlQuery {
        sql: sql.to_owned(),
        filter: EventFilter::default(),
        rows_max: 1_000,
        bytes_max: 1 << 20,
        time_max: Duration::from_secs(2),
    }
}

async fn run(storage: &Storage, sql: &str) -> Result<SqlTable, SqlError> {
    storage.reader.sql(query(sql)).await.unwrap()
}

async fn rows(storage: &Storage, sql: &str) -> Value {
    let table = run(storage, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    serde_json::from_str(&table.rows_json).unwrap()
}

async fn filled() -> (TestDatabase, Storage) {
    let database = TestDatabase::create().await;
    let storage = server(&database, &[]).await;
    let events = vec![
        (
            number(1, 1),
            good_with("identify", |columns| {
                columns.user_id = Some("ann\u{10FFFF}".into());
                columns.properties_json = Some(r#"{"plan":"pro","b\u0000\\u0000":"x"}"#.into());
            }),
        ),
        (
            number(1, 2),
            good_with("identify", |columns| {
                columns.user_id = Some("ann\u{10FFFF}".into());
                columns.properties_json = Some(r#"{"plan":null,"a":[1],"pad":"12345678"}"#.into());
            }),
        ),
        (EventIdentity::Anonymous, good("nul \0")),
    ];
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    (database, storage)
}

#[tokio::test]
async fn a_statement_sees_events_and_values_of_each_type() {
    let (_database, storage) = filled().await;
    let names = rows(&storage, "SELECT name, count(*) FROM events GROUP BY 1 ORDER BY 1;").await;
    assert_eq!(names, json!([["identify", 2], ["nul \0", 1]]));
    let numbered = rows(&storage, "SELECT seq, name FROM numbered ORDER BY seq DESC").await;
    assert_eq!(numbered, json!([[2, "identify"], [1, "identify"]]));
    let values = "SELECT 1.50, 'NaN'::float8, NULL, true, ARRAY['a', NULL], '\\x00ff'::bytea, \
                  '{\"a\": 1}'::json, timestamptz '2026-01-02 03:04:05+02', 1, 1 -- twice the same name";
    let want = json!([[
        1.50,
        null,
        null,
        true,
        ["a", null],
        "00ff",
        "{\"a\": 1}",
        "2026-01-02 01:04:05+00",
        1,
        1
    ]]);
    assert_eq!(rows(&storage, values).await, want);
    let ids = rows(&storage, "SELECT id FROM events ORDER BY id LIMIT 1").await;
    assert_eq!(ids[0][0].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_profile_in_a_statement_is_the_one_of_the_event() {
    let (database, storage) = filled().await;
    let filter = EventFilter::default();
    let page = lamplight_server::store::EventQuery { filter, after: None, limit: 10 };
    let events = storage.reader.events(page).await.unwrap().events;
    let mut want: Vec<Value> = events.iter().map(|event| json!([event.profile_json])).collect();
    want.reverse();
    assert!(want[1][0].as_str().unwrap().contains("\\u0000"), "{want:?}");
    let sql = "SELECT profile FROM events ORDER BY id";
    assert_eq!(rows(&storage, sql).await, Value::from(want.clone()));
    // However the versions are kept: whole, or as what changed.
    let client = database.client().await;
    let whole = "SELECT json, revision FROM profile_versions ORDER BY revision";
    println!("{:?}", client.query(whole, &[]).await.unwrap());
}

#[tokio::test]
async fn a_statement_sees_the_weeks_that_it_asks_for() {
    let (_database, storage) = filled().await;
    let later = NOW + 2 * WEEK_MS;
    let plan = plan_at(later, 7, vec![(EventIdentity::Anonymous, good("later"))]);
    storage.events.apply(shared([plan]), later).await.unwrap();
    let count = "SELECT count(*) FROM events";
    assert_eq!(rows(&storage, count).await, json!([[4]]));
    let filter = EventFilter { from_ms: Some(later), ..EventFilter::default() };
    let table = storage.reader.sql(SqlQuery { filter, ..query(count) }).await.unwrap().unwrap();
    assert_eq!((table.rows_json.as_str(), table.weeks), ("[[1]]", vec![Week::of_ms(later)]));
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "it is a list of statements")]
async fn a_statement_can_only_read_events() {
    let (database, storage) = filled().await;
    let client = database.client().await;
    let state = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM pg_roles WHERE rolsuper), \
                 (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace::regnamespace::text NOT LIKE 'pg_%')";
    let before = format!("{:?}", client.query(state, &[]).await.unwrap());
    for sql in [
        "INSERT INTO events (name) VALUES ('a')",
        "UPDATE events SET name = 'a'",
        "DELETE FROM events",
        "DELETE FROM lamplight.events",
        "WITH gone AS (DELETE FROM events RETURNING *) SELECT * FROM gone",
        "SELECT * INTO copied FROM events",
        "SELECT * FROM events FOR UPDATE",
        "SELECT * FROM lamplight.keys",
        "SELECT * FROM lamplight.sessions",
        "SELECT * FROM lamplight.sql_role",
        "SELECT * FROM lamplight.events",
        "SELECT * FROM pg_authid",
        "TRUNCATE lamplight.events",
        "DROP SCHEMA lamplight CASCADE",
        "CREATE TEMP TABLE mine (a int)",
        "CREATE TABLE public.mine (a int)",
        "CREATE ROLE mine SUPERUSER",
        "ALTER ROLE CURRENT_USER CONNECTION LIMIT -1",
        "SET ROLE postgres",
        "RESET ALL",
        "SET SESSION AUTHORIZATION postgres",
        "SELECT set_config('role', 'postgres', false)",
        "SELECT set_config('statement_timeout', '0', false)",
        "SELECT set_config('work_mem', '100GB', false)",
        "COPY (SELECT 1) TO PROGRAM 'touch /tmp/lamplight_was_here'",
        "COPY events TO '/tmp/lamplight_was_here'",
        "COPY events FROM PROGRAM 'id'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_read_binary_file('/etc/passwd')",
        "SELECT * FROM pg_ls_dir('/')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_create(77)",
        "SELECT lo_from_bytea(0, '\\x00')",
        "SELECT lo_export(1, '/tmp/lamplight_was_here')",
        "SELECT * FROM dblink('host=127.0.0.1', 'SELECT 1') AS t (a int)",
        "DO $$ BEGIN PERFORM 1; END $$",
        "CALL nothing()",
        "EXPLAIN ANALYZE DELETE FROM events",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_advisory_xact_lock(119222386393089)",
        "SELECT pg_try_advisory_lock_shared(1, 2)",
        "LOCK TABLE events",
        "LISTEN lamplight",
        "NOTIFY lamplight",
        "SELECT pg_notify('lamplight', 'x')",
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SELECT pg_cancel_backend(1)",
        "SELECT pg_logical_emit_message(false, 'a', repeat('x', 1000000))",
        "SELECT pg_export_snapshot()",
        "SELECT query_to_xml('SELECT set_config(''role'', ''postgres'', false)', true, true, '')",
        "SELECT U&\"set\\005fconfig\"('role', 'postgres', false)",
        "SELECT count(*) FROM events WHERE pg_advisory_lock(1) IS NULL",
        "SELECT pg_sleep(1000)",
        "SELECT nextval('lamplight.replays_id_seq')",
        "PREPARE mine AS SELECT 1",
        "DECLARE mine CURSOR FOR SELECT 1",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SELECT 1; DROP TABLE lamplight.events",
        "COMMIT; DROP TABLE lamplight.events",
        "VACUUM",
        "CHECKPOINT",
        "SECURITY LABEL ON SCHEMA public IS 'x'",
    ] {
        let refused = run(&storage, sql).await;
        assert!(
            matches!(refused, Err(SqlError::NotReadOnly | SqlError::Invalid(_))),
            "{sql}: {refused:?}"
        );
        println!("{sql}: {}", refused.unwrap_err());
    }
    assert_eq!(format!("{:?}", client.query(state, &[]).await.unwrap()), before);
    assert!(!std::path::Path::new("/tmp/lamplight_was_here").exists());
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(client.query_one(held, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_statement_cannot_use_up_the_server() {
    let (database, storage) = filled().await;
    let client = database.client().await;
    for sql in [
        "SELECT count(*) FROM generate_series(1, 1000000000000) AS n",
        "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
        "SELECT n FROM generate_series(1, 1000000000) AS n ORDER BY md5(n::text)",
        "SELECT repeat('x', 100000000)",
        "SELECT array_agg(n) FROM generate_series(1, 3000000) AS n",
        "SELECT array_fill(0, ARRAY[1000, 1000, 1000, 10])",
    ] {
        let began = crate::harness::now();
        let refused = run(&storage, sql).await;
        assert!(refused.is_err(), "{sql}");
        assert!(began.elapsed() < Duration::from_secs(5), "{sql}: {:?}", began.elapsed());
        println!("{sql}: {}", refused.unwrap_err());
    }
    // Dropping the future ends the statement, and no connection is left.
    let slow = "SELECT count(*) FROM generate_series(1, 1000000000000) AS n";
    let running = storage.reader.sql(query(slow));
    drop(tokio::time::timeout(Duration::from_millis(300), running).await);
    let left = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(usename, 'lamplight_sql') \
                AND datname = current_database()";
    let began = crate::harness::now();
    while client.query_one(left, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(began.elapsed() < Duration::from_secs(5), "a statement still runs");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_answer_of_a_statement_is_limited() {
    let (_database, storage) = filled().await;
    let limited = SqlQuery { rows_max: 3, ..query("SELECT generate_series(1, 10)") };
    let table = storage.reader.sql(limited).await.unwrap().unwrap();
    assert_eq!((table.rows_json.as_str(), table.truncated), ("[[1],[2],[3]]", true));
    let limited = SqlQuery { bytes_max: 28, ..query("SELECT repeat('x', 10) AS x FROM events") };
    let table = storage.reader.sql(limited).await.unwrap().unwrap();
    assert_eq!((table.rows_json.as_str(), table.truncated), ("[[\"xxxxxxxxxx\"]]", true));
}

#[tokio::test]
async fn an_error_of_a_statement_names_its_place() {
    let (_database, storage) = filled().await;
    for (sql, want) in [
        ("SELEC 1", "syntax error at or near \"SELEC\" at line 1, column 1"),
        ("SELECT 1\n FROM nothing", "relation \"nothing\" does not exist at line 2, column 7"),
        ("", "the text has no statement"),
        ("-- only words", "the text has no statement"),
        ("SELECT 1; SELECT 2", "cannot insert multiple commands into a prepared statement"),
        ("SELECT $1", "parameters"),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT '\0'", "U+0000"),
    ] {
        let Err(SqlError::Invalid(text)) = run(&storage, sql).await else { panic!("{sql}") };
        assert!(text.contains(want), "{sql}: {text}");
    }
}

#[tokio::test]
async fn several_servers_run_statements_with_one_role() {
    let database = TestDatabase::create().await;
    let (one, two) = tokio::join!(server(&database, &[]), server(&database, &[]));
    let three = server(&database, &[]).await;
    for storage in [&one, &two, &three] {
        assert_eq!(rows(storage, "SELECT count(*) FROM events").await, json!([[0]]));
    }
}

#[tokio::test]
async fn without_the_right_to_make_a_role_a_statement_says_what_to_do() {
    let database = TestDatabase::create().await;
    let admin = database.client().await;
    let name: String =
        admin.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    let role = format!("plain_{name}");
    admin
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; DROP SCHEMA lamplight CASCADE; \
             CREATE SCHEMA lamplight AUTHORIZATION {role}"
        ))
        .await
        .unwrap();
    let url = database.url.replace("postgres@", &format!("{role}@"));
    let (urls, supervisor) = (
        crate::harness::postgres::urls(&url),
        lamplight_server::system::supervisor::Supervisor::default(),
    );
    let plain = lamplight_server::store::postgres::open_as(
        &urls,
        lamplight_server::store::WriterLimits::default(),
        lamplight_server::store::Opening::Serve(Vec::new()),
        &supervisor,
    );
    let refused = run(&plain.await.unwrap(), "SELECT 1").await;
    let Err(SqlError::NotSetUp(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("CREATE ROLE lamplight_sql LOGIN"), "{text}");
    assert!(
        text.contains(&format!("CREATE SCHEMA lamplight_sql AUTHORIZATION \"{role}\"")),
        "{text}"
    );
}
