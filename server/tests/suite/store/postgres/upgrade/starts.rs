//! Servers that start while the schema changes, or after a newer version has changed it.

use std::error::Error;
use std::thread::JoinHandle;
use std::time::Duration;

use lamplight_server::store::postgres::{self, OpenError};
use lamplight_server::store::{Opening, WriterLimits};
use lamplight_server::system::supervisor::Supervisor;
use refinery::Migration;
use tokio_postgres::Client;

use super::newer::{LOCK, migrate, migrate_locked, step, steps};
use super::{open, schema_3};
use crate::harness::postgres::{TestDatabase, urls};
use crate::harness::{Server, command, now};
use crate::store::rows;

const STILL_WORKS: &str = "it still works with it";
const TRIES_AGAIN: &str = "the schema of the database cannot be migrated yet";

/// What a newer version adds. Servers of this one may go on.
fn added() -> Migration {
    step(1, "ALTER TABLE events ADD COLUMN more text", Some(steps().len()))
}

/// Starts a real server.
fn starting(database: &TestDatabase) -> JoinHandle<Server> {
    let mut command = command("serve", &std::env::temp_dir().join("lamplight-no-data"));
    command.env("LAMPLIGHT_DATABASE_URL", &database.url);
    std::thread::spawn(move || Server::start(command))
}

async fn refused(database: &TestDatabase) -> OpenError {
    let (limits, supervisor) = (WriterLimits::default(), Supervisor::default());
    let opening = Opening::Serve(Vec::new());
    let opened = postgres::open_as(&urls(&database.url), limits, opening, &supervisor).await;
    opened.err().unwrap()
}

/// Waits until a session waits for a lock of this kind, or until none does.
async fn until_waiting(client: &Client, kind: &str, is_waiting: bool) {
    let sql = format!(
        "SELECT 1 FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database \
         WHERE NOT granted AND locktype = '{kind}' AND datname = current_database()"
    );
    let begun = now();
    while rows::rows(client, &sql).await.is_empty() == is_waiting {
        assert!(begun.elapsed() < Duration::from_mins(1), "{kind}: {is_waiting}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_once_on_an_older_database_migrate_it_once() {
    let database = schema_3().await;
    let starts: Vec<_> = (0..2).map(|_| starting(&database)).collect();
    let servers: Vec<Server> = starts.into_iter().map(|it| it.join().unwrap()).collect();
    let totals: Vec<_> = servers.iter().map(Server::settled).collect();
    assert_eq!(totals[0]["stored"], totals[1]["stored"]);
    assert!(totals[0]["stored"].as_u64().unwrap() > 50, "{totals:?}");
    let client = database.client().await;
    let versions = rows::rows(&client, "SELECT version FROM refinery_schema_history").await;
    assert_eq!(versions.len(), steps().len());
    for server in servers {
        let log = server.stop_with_log();
        assert!(!log.contains(STILL_WORKS) && !log.contains(TRIES_AGAIN), "{log}");
    }
}

#[tokio::test]
async fn a_step_that_fails_in_the_middle_leaves_nothing() {
    let database = schema_3().await;
    let client = database.client().await;
    // The step itself works, and it cannot be recorded.
    let sql = "ALTER TABLE refinery_schema_history ADD CONSTRAINT here CHECK (version < 4)";
    client.batch_execute(sql).await.unwrap();
    let before = rows::all(&client).await;
    let error = refused(&database).await;
    let causes = std::iter::successors(Some(&error as &dyn Error), |&error| error.source());
    let told = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    assert!(told.contains("migrate the database") && told.contains("here"), "{told}");
    assert_eq!(rows::all(&client).await, before);
    let history = "SELECT max(version) FROM refinery_schema_history";
    assert_eq!(rows::rows(&client, history).await, ["3"]);
    let sql = "ALTER TABLE refinery_schema_history DROP CONSTRAINT here";
    client.batch_execute(sql).await.unwrap();
    open(&database.url, Opening::Change).await.close().await.unwrap();
    assert_eq!(rows::rows(&client, history).await, [steps().len().to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_waits_for_transactions_that_use_its_tables_and_is_tried_again() {
    let database = schema_3().await;
    let (mut using, client) = (database.client().await, database.client().await);
    let using = using.transaction().await.unwrap();
    using.batch_execute("LOCK TABLE refinery_schema_history IN SHARE MODE").await.unwrap();
    let start = starting(&database);
    until_waiting(&client, "relation", true).await;
    // It does not wait for as long as the transaction takes, because others would wait behind it.
    until_waiting(&client, "relation", false).await;
    using.commit().await.unwrap();
    let log = start.join().unwrap().stop_with_log();
    assert!(log.contains(TRIES_AGAIN) && log.contains("lock timeout"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_the_database_ends_because_of_a_deadlock_is_tried_again() {
    let database = schema_3().await;
    let client = database.client().await;
    // A sequence counts on when a transaction is rolled back.
    client
        .batch_execute(
            "CREATE SEQUENCE public.tries;
             CREATE FUNCTION public.deadlock() RETURNS event_trigger LANGUAGE plpgsql AS $$
             BEGIN
               IF nextval('public.tries') < 3 THEN
                 RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01';
               END IF;
             END $$;
             CREATE EVENT TRIGGER deadlock ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
             EXECUTE FUNCTION public.deadlock()",
        )
        .await
        .unwrap();
    let log = starting(&database).join().unwrap().stop_with_log();
    assert_eq!(log.matches(TRIES_AGAIN).count(), 2, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_waited_for_a_newer_one_starts_on_what_that_one_has_made() {
    let database = schema_3().await;
    let (mut newer, client) = (database.client().await, database.client().await);
    newer.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await.unwrap();
    let start = starting(&database);
    until_waiting(&client, "advisory", true).await;
    migrate_locked(&mut newer, &[added()]).await;
    newer.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})")).await.unwrap();
    let log = start.join().unwrap().stop_with_log();
    assert!(log.contains(STILL_WORKS), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused_unless_it_says_that_this_version_may_go_on() {
    let known = steps().len();
    let (first, nothing) = (known + 1, "SELECT 1");
    for (more, refused_by) in [
        (vec![added()], None),
        (vec![added(), step(2, nothing, Some(known))], None),
        // The next step forgot to say, or says no.
        (vec![added(), step(2, nothing, None)], Some(first + 1)),
        (vec![added(), step(2, nothing, Some(first))], Some(first + 1)),
        (vec![step(1, nothing, Some(first))], Some(first)),
        (vec![step(1, "DROP TABLE compatibility", None)], Some(first)),
    ] {
        let database = schema_3().await;
        migrate(&mut database.client().await, &more).await;
        let Some(version) = refused_by else {
            let log = starting(&database).join().unwrap().stop_with_log();
            assert!(log.contains(STILL_WORKS), "{log}");
            continue;
        };
        let text = refused(&database).await.to_string();
        let expected = format!(
            "use the database: it has schema {version}, and this version of lamplight knows up to {known} and cannot work"
        );
        assert!(text.contains(&expected), "{more:?}: {text}");
        assert!(text.contains("start the version that the other servers have"), "{text}");
    }
}
