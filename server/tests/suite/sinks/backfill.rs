//! Backfills with the real binary: a sink that was added later gets past events.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Reply, SECRET_KEY, Server, command};
use crate::sinks::file::lines;

fn start(folder: &Path, config: &str) -> Server {
    let path = folder.join("lamplight.toml");
    std::fs::write(&path, config).unwrap();
    let mut command = command("serve", &folder.join("data"));
    command.arg("--config").arg(&path);
    Server::start(command)
}

fn admin() -> [(&'static str, &'static str); 1] {
    static TOKEN: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| format!("Bearer {ADMIN_TOKEN}"));
    [("authorization", TOKEN.as_str())]
}

fn post(server: &Server, query: &str) -> Reply {
    server.post(&format!("/api/sinks/archive/backfill{query}"), &admin(), b"")
}

fn counts(reply: &Value) -> [u64; 4] {
    ["queued", "known", "unwanted", "private"].map(|name| reply[name].as_u64().unwrap())
}

/// A server with events from before its file sink, which gets them only when they are asked for.
fn with_past_events(folder: &Path) -> Server {
    let server = start(folder, "");
    let events: Vec<Value> = (0..1_200)
        .map(|number| {
            json!({"name": if number % 4 == 0 { "click" } else { "view" },
            "properties": {"n": number}})
        })
        .collect();
    for part in events.chunks(600) {
        assert_eq!(server.send(&json!(part).to_string()).status, 200);
    }
    let private =
        json!([{"name": "view", "context": {"gpc": true}}, {"name": "m", "type": "monitor"}]);
    assert_eq!(server.send(&private.to_string()).status, 200);
    server.settled();
    assert_eq!(server.stop(), Some(0));
    let file = folder.join("archive/events.ndjson");
    start(folder, &format!("[sinks.archive]\nkind = 'file'\npath = '{}'\n", file.display()))
}

fn until_sent(server: &Server, count: u64) {
    for _ in 0..1_500 {
        if server.totals()["sinks"]["archive"]["sent"] == count {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{}", server.totals()["sinks"]);
}

#[test]
fn a_sink_that_was_added_later_gets_past_events_by_filter_and_each_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = with_past_events(dir.path());
    let dry = post(&server, "?from=0&dry_run=true").json();
    assert_eq!((counts(&dry), &dry["next"]), ([1_200, 0, 1, 1], &Value::Null));
    assert_eq!(server.totals()["sinks"]["archive"]["waiting"], 0, "a dry run queues nothing");
    let clicks = post(&server, "?from=0&name=click").json();
    assert_eq!((counts(&clicks), &clicks["dry_run"]), ([300, 0, 0, 0], &json!(false)));
    until_sent(&server, 300);
    let one = post(&server, "?from=0&prop.n=7").json();
    assert_eq!(counts(&one), [1, 0, 0, 0]);
    let all = post(&server, "?from=1970-01-01T00:00:00Z&type=default").json();
    assert_eq!(counts(&all), [899, 301, 0, 1]);
    assert_eq!(counts(&post(&server, "?from=0").json()), [0, 1_201, 1, 0]);
    until_sent(&server, 1_200);
    let (mut ids, _) = lines(&dir.path().join("archive"));
    assert_eq!(ids.len(), 1_200);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1_200, "each once");
}

#[test]
fn a_backfill_needs_an_admin_a_sink_and_a_valid_filter() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path(), "[sinks.archive]\nkind = 'file'\npath = '/dev/null'\n");
    let path = "/api/sinks/archive/backfill?from=0";
    assert_eq!(server.post(path, &[], b"").problem(), "token_missing");
    let wrong = format!("Bearer {SECRET_KEY}");
    assert_eq!(server.post(path, &[("authorization", &wrong)], b"").status, 403);
    for query in ["", "?to=5", "?from=yesterday", "?from=0&dry_run=perhaps", "?from=0&cursor=x"] {
        let reply = post(&server, query);
        assert_eq!((reply.status, reply.problem().as_str()), (400, "parameter_invalid"), "{query}");
    }
    assert_eq!(post(&server, "?from=0&limit=5").problem(), "parameter_unknown");
    let unknown = server.post("/api/sinks/nobody/backfill?from=0", &admin(), b"");
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not_found"));
    assert_eq!(counts(&post(&server, "?from=0").json()), [0; 4]);
}

#[test]
fn a_backfill_of_many_events_goes_on_where_the_last_call_ended() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path(), "");
    let payload = json!(vec![json!({"name": "view"}); 1_000]).to_string();
    for _ in 0..11 {
        assert_eq!(server.send(&payload).status, 200);
    }
    server.settled();
    assert_eq!(server.stop(), Some(0));
    let server = start(dir.path(), "[sinks.archive]\nkind = 'file'\npath = '/dev/null'\n");
    assert_eq!(server.post("/api/sinks/archive/pause", &admin(), b"").status, 200);
    let first = post(&server, "?from=0").json();
    assert_eq!(counts(&first), [10_000, 0, 0, 0]);
    let cursor = first["next"].as_str().unwrap();
    let second = post(&server, &format!("?from=0&cursor={cursor}")).json();
    assert_eq!((counts(&second), &second["next"]), ([1_000, 0, 0, 0], &Value::Null));
    assert_eq!(server.totals()["sinks"]["archive"]["waiting"], 11_000);
}
