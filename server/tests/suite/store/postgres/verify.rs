//! `lamplight verify` on a database: each check complains about what breaks its rule, and about
//! nothing else.

use std::collections::BTreeSet;
use std::process::Command;

use lamplight_server::store::postgres::verify::{CHECKS, verify};

use crate::harness::postgres::TestDatabase;
use crate::migrate::rich;

/// What breaks a rule, and the checks that complain.
const BREAKS: &[(&str, &[&str])] = &[
    (
        "UPDATE events SET payload_index = payload_index + 1 WHERE seq IS NULL AND event_id IS NULL",
        &["row-ids"],
    ),
    ("UPDATE applied SET stored = stored + 1 WHERE stored > 0", &["marks"]),
    ("UPDATE outcomes SET payload_id = gen_random_uuid()", &["outcomes"]),
    ("UPDATE applied SET duplicates = duplicates + 1", &["outcomes"]),
    (
        "DELETE FROM runs WHERE first_id = (SELECT first_id FROM runs ORDER BY first_id DESC LIMIT 1)",
        &["runs", "ledgers"],
    ),
    (
        "UPDATE runs SET last = last + 1 WHERE first_id = (SELECT first_id FROM runs ORDER BY first_id DESC LIMIT 1)",
        &["runs", "ledgers"],
    ),
    (
        "UPDATE events SET seq = (SELECT min(seq) FROM events AS other WHERE other.producer = events.producer \
         AND other.source = events.source) WHERE id = (SELECT id FROM events AS it WHERE seq > \
         (SELECT min(seq) FROM events AS other WHERE other.producer = it.producer AND other.source = it.source) \
         ORDER BY id DESC LIMIT 1)",
        &["runs", "numbers"],
    ),
    ("UPDATE producers SET missing = missing + 1", &["ledgers", "totals", "sources"]),
    ("DELETE FROM producers", &["run-ledgers", "totals", "sources"]),
    ("UPDATE event_ids SET id = gen_random_uuid() WHERE NOT is_refused", &["client-ids"]),
    ("UPDATE totals SET stored = stored + 1 WHERE lane = 0", &["totals"]),
    ("UPDATE totals SET duplicates = duplicates + 1 WHERE lane = 0", &["totals"]),
    ("UPDATE sources SET received = received + 1", &["sources"]),
    ("DELETE FROM payload_queue", &["queue", "settled"]),
    ("UPDATE payload_queue SET events = events + 1", &["queue"]),
    ("UPDATE sink_counts SET waiting = waiting + 1", &["sinks"]),
    ("DELETE FROM delivery_queue", &["sinks"]),
    ("UPDATE delivery_queue SET event_id = gen_random_uuid()", &["delivery-events"]),
    (
        "INSERT INTO profile_words (profile, said_ms, event_id, name_hash, subject, name, json) \
         VALUES (7, 1, gen_random_uuid(), gen_random_uuid(), 0, 'plan', '1')",
        &["profile-words"],
    ),
    ("DELETE FROM tallies WHERE kind = 2", &["tallies"]),
];

/// A database with everything in it.
async fn whole() -> TestDatabase {
    let database = rich::database().await;
    // One payload left the queue unprocessed.
    let forget = "DELETE FROM payloads WHERE id NOT IN (SELECT payload_id FROM applied \
                  UNION ALL SELECT id FROM payload_queue UNION ALL SELECT id FROM set_aside)";
    assert_eq!(database.client().await.execute(forget, &[]).await.unwrap(), 1);
    database
}

async fn complaints(database: &TestDatabase) -> Vec<String> {
    let url = database.url.parse().unwrap();
    let violations = verify(&url, &mut |_| {}).await.unwrap();
    violations.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_check_complains_about_what_breaks_its_rule_and_about_nothing_else() {
    let whole = whole().await;
    assert_eq!(complaints(&whole).await, [""; 0]);
    let (mut checked, mut wrong) = (BTreeSet::new(), Vec::new());
    for (sql, checks) in BREAKS {
        let broken = TestDatabase::copy_of(&whole).await;
        let client = broken.client().await;
        match client.execute(*sql, &[]).await {
            Ok(0) => wrong.push(format!("nothing is broken by {sql}")),
            Ok(_) => {}
            Err(error) => wrong.push(format!("{sql}: {error:?}")),
        }
        let said = complaints(&broken).await;
        let names: BTreeSet<_> = said.iter().map(|it| it.split(':').next().unwrap()).collect();
        if names != checks.iter().copied().collect() {
            wrong.push(format!("{sql}: {said:#?}"));
        }
        checked.extend(checks.iter().copied());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all: BTreeSet<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(checked, all, "every check is tried");
}

/// Runs a command on a database that the environment names. Gives its exit code, and what it said
/// on standard output and standard error.
fn lamplight(arguments: &[&str], database: &TestDatabase) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lamplight"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAMPLIGHT_") {
            command.env_remove(name);
        }
    }
    let url = database.url.replace("postgres@", "postgres:hunter2@");
    let output = command.args(arguments).env("LAMPLIGHT_DATABASE_URL", url).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!out.contains("hunter2") && !err.contains("hunter2"), "{out}{err}");
    (output.status.code(), out, err)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_is_wrong_and_repairs_counts() {
    let database = whole().await;
    let healthy = format!("is healthy: all {} checks hold", CHECKS.len());
    let (code, out, err) = lamplight(&["verify"], &database);
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    assert!(err.contains(&healthy), "{err}");
    let client = database.client().await;
    client.execute("DELETE FROM tallies WHERE kind = 2", &[]).await.unwrap();
    let (code, out, err) = lamplight(&["verify"], &database);
    assert_eq!((code, out.lines().count()), (Some(1), 1), "{out}{err}");
    let complaint = "tallies: lamplight.tallies: a count by time is not that of what is stored: ";
    assert!(out.starts_with(complaint) && out.contains("lamplight verify --repair"), "{out}");
    let (code, out, err) = lamplight(&["verify", "--repair"], &database);
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    assert!(err.contains("counts were different") && err.contains(&healthy), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_database_names_the_command_to_run_instead() {
    let database = TestDatabase::create().await;
    let (code, out, err) = lamplight(&["backup", "--to", "/mnt/backups"], &database);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    let command = "pg_dump --format=directory --jobs=4 --no-privileges \\\n    \
                   --file=/mnt/backups/lamplight-$(date +%Y%m%d) 'postgres://postgres@127.0.0.1:";
    assert!(err.contains(command), "{err}");
    // A directory that is named is backed up whatever the environment says.
    let (data, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = crate::harness::Server::serve(data.path());
    assert_eq!(server.stop(), Some(0));
    let (data, to) = (data.path().display().to_string(), to.path().display().to_string());
    let (code, out, err) = lamplight(&["backup", "--to", &to, "--data", &data], &database);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with(&to), "{out}");
    let (code, _, err) = lamplight(&["verify", "--data", &data], &database);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains(&format!("{data} is healthy")), "{err}");
}
