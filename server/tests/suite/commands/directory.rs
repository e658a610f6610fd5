//! Commands on the data directory of a server that is not running.

use std::collections::BTreeMap;
use std::path::Path;

use super::{on, run, send};
use crate::harness::Server;

/// The bytes of every file that matters: not the lock, and not SQLite's index of an empty log.
fn files(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let is_empty_log = name.ends_with("-wal") && bytes.is_empty();
        if name != "lock" && !name.ends_with("-shm") && !is_empty_log {
            files.insert(name, bytes);
        }
    }
    files
}

const READING: [&[&str]; 7] = [
    &["keys", "list"],
    &["token", "list"],
    &["gaps", "--verdict", "all"],
    &["query", "SELECT name FROM events"],
    &["export"],
    &["top"],
    &["sinks", "list"],
];

#[test]
fn a_command_that_only_reads_changes_no_file() {
    for is_killed in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let server = Server::serve(&data);
        send(&server, &["first", "second"]);
        server.settled();
        if is_killed {
            server.kill_9();
        } else {
            server.stop();
        }
        let before = files(&data);
        assert!(before.contains_key("store.db"));
        for args in READING {
            let ran = run(on(&data, args)).ok();
            let shows_events = matches!(args[0], "query" | "export");
            assert_eq!(shows_events, ran.stdout.contains("second"), "{ran:?}");
            let after = files(&data);
            assert!(after.keys().eq(before.keys()), "{args:?}: {:?}", after.keys());
            for (name, bytes) in &before {
                assert!(after[name] == *bytes, "{args:?} changed {name} ({is_killed})");
            }
        }
        let server = Server::serve(&data);
        assert_eq!(server.settled()["stored"], 2);
    }
}

#[test]
fn a_directory_of_an_earlier_version_is_only_read_after_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    Server::serve(&data).stop();
    let path = data.join("store.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    let last = "DELETE FROM refinery_schema_history WHERE version = \
                (SELECT max(version) FROM refinery_schema_history)";
    database.execute(last, []).unwrap();
    drop(database);
    let before = files(&data);
    for args in READING {
        let ran = run(on(&data, args));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("an earlier lamplight wrote it"), "{ran:?}");
        assert!(ran.stderr.contains("Start the server of this version once"), "{ran:?}");
    }
    assert!(files(&data) == before);
}

#[test]
fn a_commit_that_a_crash_cut_is_not_shown_as_data() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::serve(&data);
    send(&server, &["a"]);
    server.settled();
    server.stop();
    // As if the file of events was committed, and store.db was not.
    let database = rusqlite::Connection::open(data.join("store.db")).unwrap();
    assert_eq!(database.execute("UPDATE weeks SET batch = batch - 1", []).unwrap(), 1);
    drop(database);
    let ran = run(on(&data, &["export"]));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("ended in the middle of a commit"), "{ran:?}");
}

#[test]
fn a_lost_admin_token_is_replaced_on_the_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::serve(&data);
    send(&server, &["a"]);
    server.settled();
    let running = run(on(&data, &["token", "create", "admin"]));
    assert!(running.stderr.contains("a server is using the data directory"), "{running:?}");
    server.stop();
    let made = run(on(&data, &["token", "create", "admin", "--source", "ops"])).ok();
    let token = made.stdout.trim();
    assert!(token.starts_with("at_") && made.lines().len() == 1, "{made:?}");
    assert!(made.stderr.contains("not shown again"), "{made:?}");

    let server = Server::serve(&data);
    let read = |token: &str| {
        server.get("/api/keys", &[("authorization", &format!("Bearer {token}"))]).status
    };
    assert_eq!(read(token), 200);
    // The token of the command itself was valid in its process only.
    let keys = server.read("/api/keys").json();
    let sources: Vec<_> = keys["keys"].as_array().unwrap().iter().map(|it| &it["source"]).collect();
    assert!(sources.iter().any(|it| **it == "ops") && !sources.iter().any(|it| **it == "command"));
    assert_eq!(server.settled()["stored"], 1);
}

#[test]
fn a_change_on_a_directory_leaves_its_sinks_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let config = dir.path().join("lamplight.toml");
    std::fs::write(&config, "[sinks.archive]\nkind = 'file'\npath = 'events.ndjson'").unwrap();
    let mut serve = crate::harness::command("serve", &data);
    serve.current_dir(dir.path());
    let server = Server::start(serve);
    send(&server, &["a"]);
    server.settled();
    server.stop();
    // This directory has no lamplight.toml, so the command knows of no sink.
    run(on(&data, &["keys", "create", "write", "--source", "shop"])).ok();
    run(on(&data, &["sinks", "pause", "archive"])).ok();
    let ran = run(on(&data, &["sinks", "list"])).ok();
    assert!(ran.stdout.contains("archive  file  paused"), "{ran:?}");
    let ran = run(on(&data, &["sinks", "resume", "archiv"]));
    assert!(ran.code == Some(1) && ran.stderr.contains("no sink has the name"), "{ran:?}");
    run(on(&data, &["sinks", "resume", "archive"])).ok();
    let ran = run(on(&data, &["sinks", "list", "--json"])).ok();
    assert!(ran.stdout.contains(r#""state":"running""#), "{ran:?}");
}
