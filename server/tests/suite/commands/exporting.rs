//! `lamplight export`: every event once, whatever happens in the middle.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{PATIENCE, Running, at, on, run, send, serve_at, server};
use crate::harness::{Server, ending, now};

/// Stores `count` events.
fn fill(server: &Server, count: u64) {
    let per_payload = 500;
    for payload in 0..count / per_payload {
        let events: Vec<Value> = (0..per_payload)
            .map(|n| json!({ "name": "filler", "properties": { "n": payload * per_payload + n } }))
            .collect();
        assert_eq!(server.send(&json!(events).to_string()).status, 200);
    }
    assert_eq!(server.settled()["stored"], count);
}

/// The ids of an export in JSON lines, which must all be different.
fn ids(text: &str) -> BTreeSet<String> {
    let all: Vec<String> = text
        .lines()
        .map(|line| {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            event["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let each: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(each.len(), all.len(), "an event is there twice");
    each
}

fn stored(server: &Server) -> BTreeSet<String> {
    let events = server.all_events();
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

fn part(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}.part", path.file_name().unwrap().to_str().unwrap()))
}

/// Waits until an export has written something and is not done.
fn in_the_middle(path: &Path) {
    let begun = now();
    while std::fs::metadata(part(path)).map_or(0, |file| file.len()) == 0 {
        assert!(!path.exists(), "it is done already: export more events");
        assert!(begun.elapsed() < PATIENCE, "nothing is exported");
        std::thread::yield_now();
    }
}

#[test]
fn every_event_is_exported_once_while_new_ones_arrive() {
    let (dir, server) = server();
    fill(&server, 5_000);
    let before = stored(&server);
    let path = dir.path().join("events.ndjson");
    let export = Running::start(at(&server, &["export", "-o", path.to_str().unwrap()]));
    in_the_middle(&path);
    let mut arrived = 0;
    while !path.exists() {
        send(&server, &["new", "new"]);
        arrived += 2;
    }
    assert!(arrived > 0);
    let said = export.said("events are in");
    let exported = ids(&std::fs::read_to_string(&path).unwrap());
    assert!(before.is_subset(&exported), "an event is missing");
    assert!(said.starts_with(&format!("{} events are in", exported.len())), "{said}");
    assert!(!part(&path).exists());
    // The same events, also to standard output, and on the data directory.
    let data = dir.path().join("data");
    server.settled();
    let now = stored(&server);
    assert_eq!(ids(&run(at(&server, &["export"])).ok().stdout), now);
    server.stop();
    assert_eq!(ids(&run(on(&data, &["export"])).ok().stdout), now);
}

#[test]
fn a_server_that_dies_in_the_middle_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let server = serve_at(&data, &address);
    fill(&server, 10_000);
    let before = stored(&server);
    let path = dir.path().join("events.ndjson");
    let mut export = Running::start(at(&server, &["export", "-o", path.to_str().unwrap()]));
    in_the_middle(&path);
    server.kill_9();
    export.said("retrying for up to 1 minute");
    assert!(!path.exists(), "it is not complete");
    let _server = serve_at(&data, &address);
    assert_eq!(export.ended(), Some(0));
    assert_eq!(ids(&std::fs::read_to_string(&path).unwrap()), before);
}

#[test]
fn an_export_that_was_killed_or_interrupted_continues_where_it_was() {
    let (dir, server) = server();
    fill(&server, 10_000);
    let before = stored(&server);
    for (format, is_killed) in [("ndjson", true), ("ndjson", false), ("csv", true)] {
        let path = dir.path().join(format!("{format}-{is_killed}"));
        let args = ["export", "--format", format, "-o", path.to_str().unwrap()];
        let mut export = Running::start(at(&server, &args));
        in_the_middle(&path);
        if is_killed {
            ending::kill(export.child.id());
            export.ended();
        } else {
            assert_eq!(export.interrupt(), Some(1));
        }
        assert!(!path.exists());
        let begun = std::fs::metadata(part(&path)).unwrap().len();
        // A crash may also leave a part of a record.
        let mut text = std::fs::read(part(&path)).unwrap();
        text.extend_from_slice(b"01234567-89ab-7");
        std::fs::write(part(&path), text).unwrap();
        let ran = run(at(&server, &[&args[..], &["--resume"]].concat())).ok();
        assert!(ran.stderr.contains("10000 events are in"), "{ran:?}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() as u64 > begun);
        if format == "csv" {
            let rows: Vec<&str> = text.lines().collect();
            assert!(rows[0].starts_with("id,seq,event_id,name,"), "{}", rows[0]);
            let ids: Vec<&str> =
                rows[1..].iter().map(|row| row.split(',').next().unwrap()).collect();
            let each: BTreeSet<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            assert_eq!((ids.len(), each), (10_000, before.clone()));
        } else {
            assert_eq!(ids(&text), before);
        }
    }
    let path = dir.path().join("none");
    let none = run(at(&server, &["export", "--resume", "-o", path.to_str().unwrap()]));
    assert!(none.code == Some(1) && none.stderr.contains("Export without --resume"), "{none:?}");
}

#[test]
fn the_events_of_one_producer_are_continued_by_their_numbers() {
    const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let (dir, server) = server();
    for part in 0..4 {
        let events: Vec<Value> = (1..=500)
            .map(|n| json!({ "name": "a", "producer": P, "seq": 500 * part + n }))
            .collect();
        assert_eq!(server.send(&json!(events).to_string()).status, 200);
    }
    server.settled();
    let path = dir.path().join("events.ndjson");
    let args = ["export", "--producer", P, "-o", path.to_str().unwrap()];
    run(at(&server, &args)).ok();
    let whole = std::fs::read_to_string(&path).unwrap();
    assert_eq!(ids(&whole).len(), 2_000);
    let lines: Vec<&str> = whole.lines().collect();
    for kept in [1, 499, 500, 1_700, 2_000] {
        std::fs::write(part(&path), format!("{}\n{{\"cut", lines[..kept].join("\n"))).unwrap();
        run(at(&server, &[&args[..], &["--resume"]].concat())).ok();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole, "{kept}");
    }
}

#[test]
fn a_cursor_continues_an_export_to_standard_output() {
    let (_dir, server) = server();
    fill(&server, 1_500);
    let whole = run(at(&server, &["export"])).ok().stdout;
    let lines: Vec<&str> = whole.lines().collect();
    let event: Value = serde_json::from_str(lines[699]).unwrap();
    let rest = run(at(&server, &["export", "--after", event["id"].as_str().unwrap()])).ok();
    assert_eq!(rest.lines(), lines[700..]);
    let wrong = run(at(&server, &["export", "--after", "x"]));
    assert!(wrong.code == Some(1) && wrong.stderr.contains("parameter_invalid"), "{wrong:?}");
}

#[test]
fn csv_is_safe_in_a_spreadsheet_and_exact_if_asked() {
    let (_dir, server) = server();
    let body = r#"[{"name":"=1+1","user":{"id":"a,\"b\"\n"},"properties":{"p":
        "x"}}]"#;
    assert_eq!(server.send(body).status, 200);
    server.settled();
    let safe = run(at(&server, &["export", "--format", "csv"])).ok().stdout;
    assert!(safe.contains(",'=1+1,default,web,20"), "{safe}");
    assert!(safe.contains("\"a,\"\"b\"\"\n\","), "{safe}");
    let exact = run(at(&server, &["export", "--format", "csv", "--exact"])).ok().stdout;
    assert!(exact.contains(",=1+1,default,"), "{exact}");
    let json = run(at(&server, &["export"])).ok();
    assert_eq!(json.lines().len(), 1, "an event is one line: {json:?}");
    for args in [&["--name", "=1+1"][..], &["--user", "a,\"b\"\n"], &["--prop", "p=x"]] {
        let found = run(at(&server, &[&["export"][..], args].concat())).ok();
        assert_eq!(found.lines().len(), 1, "{args:?}");
    }
    for args in
        [&["--name", "x"][..], &["--to", "2020-01-01"], &["--on", "time", "--from", "2199-01-01"]]
    {
        let found = run(at(&server, &[&["export"][..], args].concat())).ok();
        assert!(found.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn an_export_that_fails_or_runs_twice_harms_no_file() {
    let (dir, server) = server();
    send(&server, &["a"]);
    server.settled();
    let path = dir.path().join("events.ndjson");
    std::fs::write(&path, "mine\n").unwrap();
    let args = ["export", "-o", path.to_str().unwrap()];
    let held = std::fs::File::create(part(&path)).unwrap();
    held.try_lock().unwrap();
    let twice = run(at(&server, &args));
    assert!(twice.code == Some(1) && twice.stderr.contains("another export"), "{twice:?}");
    drop(held);
    let mut wrong = at(&server, &args);
    wrong.env("LAMPLIGHT_ADMIN_TOKEN", "at_wrong");
    assert_eq!(run(wrong).code, Some(1));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine\n");
    run(at(&server, &args)).ok();
    assert_eq!(ids(&std::fs::read_to_string(&path).unwrap()).len(), 1);
    let folder = run(at(&server, &["export", "-o", "/no/such/folder/x"]));
    assert!(
        folder.code == Some(1) && folder.stderr.contains("/no/such/folder/x.part"),
        "{folder:?}"
    );
}
