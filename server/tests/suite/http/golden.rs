//! The golden files of `tests/wire/`, sent over HTTP.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Server, WRITE_KEY};

pub(crate) fn golden(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/wire").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_golden_event_has_the_outcome_in_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    for case in golden("events.json") {
        let (title, want) = (&case["case"], &case["want"]);
        let before = server.totals();
        let written = case["event"].to_string();
        let event = case["text"].as_str().unwrap_or(&written);
        let reply = server.send(&format!("[{event}]"));
        assert_eq!(reply.status, 200, "{title}: {reply:?}");
        let after = server.settled();
        let more = |count: &str| after[count].as_u64().unwrap() - before[count].as_u64().unwrap();
        if want["invalid"].is_string() {
            assert_eq!((more("stored"), more("invalid")), (0, 1), "{title}");
            continue;
        }
        assert_eq!((more("stored"), more("invalid")), (1, 0), "{title}");
        // The rest of the event may have numbers that no reader of JSON holds.
        let newest = &server.read("/api/events?limit=1").text.replace("1e400", "1");
        let newest: Value = serde_json::from_str(newest).unwrap();
        let newest = &newest["events"][0];
        assert_eq!(newest["type"], want["kind"], "{title}");
        let name = if case["text"].is_string() { &want["name"] } else { &case["event"]["name"] };
        assert_eq!(newest["name"], *name, "{title}");
        if want["identity"] != "anonymous" {
            assert_eq!(newest["event_id"], want["identity"], "{title}");
        }
        if want["ts_ms"].is_number() {
            assert_eq!(newest["ts"], want["ts_ms"], "{title}");
        }
    }
}

/// The body of a case: literal, or made of pieces that are each repeated a number of times.
pub(crate) fn body_text(case: &Value) -> String {
    if let Some(body) = case["body"].as_str() {
        return body.to_owned();
    }
    let pieces = case["body_repeat"].as_array().unwrap().chunks(2);
    pieces
        .map(|piece| {
            let times = usize::try_from(piece[1].as_u64().unwrap()).unwrap();
            piece[0].as_str().unwrap().repeat(times)
        })
        .collect()
}

#[test]
fn every_golden_body_gets_the_answer_in_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let path = format!("/v1/events?key={WRITE_KEY}");
    for case in golden("bodies.json") {
        let (title, want) = (&case["case"], &case["want"]);
        let before = server.settled();
        let reply = server.post(
            &path,
            &[("content-type", "application/json")],
            body_text(&case).as_bytes(),
        );
        if want["code"].is_string() {
            assert_eq!(reply.status, want["status"], "{title}: {reply:?}");
            assert_eq!(reply.problem(), want["code"], "{title}");
            assert_eq!(server.settled(), before, "{title}: a refused body changes nothing");
        } else {
            assert_eq!(reply.status, 200, "{title}: {reply:?}");
            assert_eq!(reply.json()["events"], want["events"], "{title}");
        }
    }
}
