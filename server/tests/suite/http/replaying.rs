//! Replays, requested over the API or run by `lamplight replay`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Server, command, now};

fn send(server: &Server, events: u64) {
    for n in 0..events {
        let body = format!(r#"[{{"name":"a","properties":{{"n":{n}}}}},{{"name":""}}]"#);
        assert_eq!(server.send(&body).status, 200);
    }
}

/// The property `n` of every event, in order.
fn numbers(server: &Server) -> Vec<u64> {
    let events = server.all_events();
    let mut numbers: Vec<u64> =
        events.iter().map(|event| event["properties"]["n"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

fn post(server: &Server, body: &Value) -> (u16, Value) {
    let token = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let reply = server.post("/api/replay", &headers, body.to_string().as_bytes());
    (reply.status, reply.json())
}

fn delete_the_events(data: &Path) {
    let mut deleted = 0;
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("events-") {
            std::fs::remove_file(path).unwrap();
            deleted += 1;
        }
    }
    assert!(deleted > 0);
}

fn replay(data: &Path, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_lamplight"))
        .args(["replay", "--from", "0", "--to", "2200-01-01T00:00:00Z", "--data"])
        .arg(data)
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text + &String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_replay_restores_deleted_events_and_stores_none_twice() {
    let dir = tempfile::tempdir().unwrap();
    // A directory of the server is private, so nothing is printed about its mode.
    let data = dir.path().join("data");
    let server = Server::serve(&data);
    send(&server, 20);
    let before = server.settled();
    assert!(replay(&data, &[]).contains("The server is running: use --url"));
    server.stop();
    delete_the_events(&data);

    let counted = replay(&data, &["--dry-run"]);
    assert!(counted.starts_with("20 payloads with 40 events\nusing data directory"), "{counted}");
    let done = replay(&data, &[]);
    assert!(done.contains("20 payloads: 0 events rewritten, 20 restored, 0 accepted; 0"), "{done}");
    let again = replay(&data, &[]);
    assert!(again.contains("20 payloads: 20 events rewritten, 0 restored"), "{again}");

    let server = Server::serve(&data);
    assert_eq!(numbers(&server), (0..20).collect::<Vec<_>>());
    assert_eq!(server.settled(), before);
}

#[test]
fn a_replay_over_the_api_can_be_counted_first_and_runs_beside_new_events() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    send(&server, 10);
    server.settled();
    let all = json!({ "from": 0, "to": "2200-01-01T00:00:00Z", "dry_run": true });
    let (status, counted) = post(&server, &all);
    assert_eq!((status, &counted["payloads"], &counted["events"]), (200, &json!(10), &json!(20)));
    assert_eq!(counted["replay"], Value::Null);
    assert_eq!(server.read("/api/replay").json()["replays"], json!([]));

    let (status, begun) = post(&server, &json!({ "from": 0, "to": 7_258_118_400_000_u64 }));
    assert_eq!((status, &begun["payloads"]), (202, &json!(10)));
    send(&server, 5);
    let begun = now();
    loop {
        let replay = server.read("/api/replay").json()["replays"][0].clone();
        if replay["state"] == "ended" {
            assert_eq!((&replay["restored"], &replay["accepted"]), (&json!(0), &json!(0)));
            break;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "still replaying: {replay}");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.settled()["stored"], 15);
    assert_eq!(server.all_events().len(), 15);
}

/// A server whose working directory has this `lamplight.toml`.
fn serve_in(folder: &Path, toml: &str) -> Server {
    std::fs::write(folder.join("lamplight.toml"), toml).unwrap();
    let mut serve = command("serve", &folder.join("data"));
    serve.current_dir(folder);
    Server::start(serve)
}

fn replay_in(folder: &Path) -> String {
    let mut replay = Command::new(env!("CARGO_BIN_EXE_lamplight"));
    replay.args(["replay", "--from", "0", "--to", "2200-01-01T00:00:00Z", "--data", "data"]);
    let output = replay.current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_offline_replay_adds_the_properties_that_lamplight_toml_sets() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve_in(dir.path(), "add_properties = { environment = 'test' }");
    assert_eq!(server.send(r#"[{"name":"a"}]"#).status, 200);
    server.settled();
    let fixed = |server: &Server| server.all_events()[0]["enrichment"]["fixed"].clone();
    assert_eq!(fixed(&server), json!({ "environment": "test" }));
    server.stop();
    let done = replay_in(dir.path());
    assert!(done.contains("1 event rewritten"), "{done}");
    let server = Server::serve(&dir.path().join("data"));
    assert_eq!(fixed(&server), json!({ "environment": "test" }));
}

#[test]
fn events_that_an_offline_replay_accepts_are_delivered_to_sinks() {
    let dir = tempfile::tempdir().unwrap();
    let toml = "[sinks.archive]\nkind = 'file'\npath = 'events.ndjson'";
    let server = serve_in(dir.path(), toml);
    assert_eq!(server.send(r#"[{"name":""          }]"#).status, 200);
    assert_eq!(server.settled()["invalid"], 1);
    server.stop();
    // Stands for a later version that accepts what this one refuses.
    let database = rusqlite::Connection::open(dir.path().join("data/intake.db")).unwrap();
    let accepted = br#"[{"name":"accepted"  }]"#;
    assert_eq!(database.execute("UPDATE payloads SET body = ?1", [&accepted[..]]).unwrap(), 1);
    drop(database);
    let done = replay_in(dir.path());
    assert!(done.contains("1 accepted"), "{done}");
    let server = serve_in(dir.path(), toml);
    let begun = now();
    loop {
        let delivered = std::fs::read_to_string(dir.path().join("events.ndjson"));
        if delivered.unwrap_or_default().contains(r#""accepted""#) {
            break;
        }
        let totals = server.totals();
        assert!(begun.elapsed() < Duration::from_secs(20), "not delivered: {totals}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_replay_without_a_valid_span_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    for body in [
        json!({}),
        json!({ "from": 5 }),
        json!({ "from": 5, "to": 5 }),
        json!({ "from": 1, "to": 2, "payload": "0192d5a0-0000-7000-8000-000000000000" }),
        json!({ "payload": "x" }),
        json!({ "from": "soon", "to": 9 }),
        json!({ "from": 1, "to": 2, "dry": true }),
    ] {
        assert_eq!(post(&server, &body).0, 400, "{body}");
    }
    assert_eq!(server.post("/api/replay", &[], b"{}").status, 401);
}
