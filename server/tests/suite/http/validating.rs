//! Dry runs: what would become of events, without storing any.

use serde_json::{Value, json};

use super::golden::{body_text, golden};
use crate::harness::{ADMIN_TOKEN, Reply, SECRET_KEY, Server, WRITE_KEY};

const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

fn validate(server: &Server, body: &str) -> Reply {
    let path = format!("/v1/events?key={WRITE_KEY}&validate=1");
    server.post(&path, &[("content-type", "application/json")], body.as_bytes())
}

#[test]
fn every_golden_event_is_answered_with_its_outcome_and_not_stored() {
    let (_dir, server) = server();
    for case in golden("events.json") {
        let (title, want) = (&case["case"], &case["want"]);
        let written = case["event"].to_string();
        let event = case["text"].as_str().unwrap_or(&written);
        let reply = validate(&server, &format!("[{event}]"));
        assert_eq!(reply.status, 200, "{title}: {reply:?}");
        // What was sent is repeated only where it is stored differently.
        let answer = reply.json();
        let told = &answer["events"][0];
        assert_eq!((&answer["status"], &told["index"]), (&json!("validated"), &json!(0)));
        if want["invalid"].is_string() {
            assert_eq!((&told["state"], &told["reason"]), (&json!("invalid"), &want["invalid"]));
            assert!(!told["detail"].as_str().unwrap().is_empty(), "{title}");
            continue;
        }
        assert_eq!((&told["state"], &told["type"]), (&json!("stored"), &want["kind"]), "{title}");
        let id = Some(&want["identity"]).filter(|id| **id != "anonymous");
        assert_eq!(&told["id"], id.unwrap_or(&Value::Null), "{title}");
        if want["name"].is_string() {
            assert_eq!(told["name"], want["name"], "{title}");
        }
    }
    let totals = server.settled();
    assert_eq!((&totals["received"], &totals["made"]), (&json!(0), &json!(0)), "{totals}");
}

#[test]
fn every_golden_body_is_checked_as_if_it_were_stored() {
    let (_dir, server) = server();
    for case in golden("bodies.json") {
        let (title, want) = (&case["case"], &case["want"]);
        let reply = validate(&server, &body_text(&case));
        if want["code"].is_string() {
            assert_eq!(reply.status, want["status"], "{title}: {reply:?}");
            assert_eq!(reply.problem(), want["code"], "{title}");
        } else {
            let answer = reply.json();
            let events = answer["events"].as_array().unwrap().len();
            assert_eq!((reply.status, json!(events)), (200, want["events"].clone()), "{title}");
        }
    }
    assert_eq!(server.settled()["received"], 0);
}

#[test]
fn a_dry_run_tells_what_is_changed_ignored_repeated_and_replaced() {
    let (_dir, server) = server();
    let body = format!(
        r#"[{{"name":"a","id":"x","ts":"1970-01-01T00:00:01Z","type":"datadog","user":{{"id":42}},"properties":[],"propertys":{{}}}},
            {{"name":"","id":"x"}},
            {{"name":"b","producer":"{P}","seq":1,"id":"unused","ts":5,"type":"default","monitor":{{"kind":"increment"}}}},
            {{"name":"b","producer":"{P}","seq":1}},
            {{"name":"cut \ud83d","properties":{{"n":1.50}}}},
            {{"seq":0,"name":"c"}}]"#
    );
    let answer = validate(&server, &body).json();
    let counts = [&answer["stored"], &answer["duplicates"], &answer["invalid"]];
    assert_eq!(counts, [&json!(3), &json!(2), &json!(1)]);
    let events = answer["events"].as_array().unwrap();
    let changed = json!([
        {"member": "type", "sent": "datadog", "stored": "monitor"},
        {"member": "user.id", "sent": 42, "stored": "42"},
        {"member": "ts", "sent": "1970-01-01T00:00:01Z", "stored": 1000},
        {"member": "properties", "sent": [], "stored": null},
    ]);
    assert_eq!((&events[0]["changed"], &events[0]["id"]), (&changed, &json!("x")));
    assert_eq!(events[0]["ignored"], json!(["propertys"]), "a misspelled member");
    assert_eq!((&events[1]["state"], &events[1]["reason"]), (&json!("duplicate"), &Value::Null));
    let changed = json!([
        {"member": "id", "sent": "unused", "stored": null},
        {"member": "type", "sent": "default", "stored": "monitor"},
    ]);
    assert_eq!((&events[2]["changed"], &events[2]["id"]), (&changed, &json!(format!("{P}-1"))));
    assert_eq!(events[3]["state"], "duplicate");
    assert_eq!(
        (&events[4]["name"], &events[4]["replaced"]),
        (&json!("cut \u{fffd}"), &json!(true))
    );
    assert_eq!((&events[4]["changed"], &events[4]["ignored"]), (&json!([]), &json!([])));
    assert_eq!((&events[5]["state"], &events[5]["replaced"]), (&json!("invalid"), &json!(false)));
    assert_eq!(server.send(&body).status, 200);
    let totals = server.settled();
    let stored = [&totals["stored"], &totals["duplicates"], &totals["invalid"]];
    assert_eq!(stored, counts, "as the dry run said");
}

#[test]
fn a_dry_run_needs_a_key_and_counts_against_its_limits() {
    let (_dir, server) = server();
    let json_type = ("content-type", "application/json");
    assert_eq!(server.post("/v1/events?validate=1", &[json_type], b"[]").status, 401);
    for value in ["", "=2", "=yes"] {
        let path = format!("/v1/events?key={WRITE_KEY}&validate{value}");
        let reply = server.post(&path, &[json_type], br#"[{"name":"a"}]"#);
        assert_eq!((reply.status, &*reply.problem()), (400, "parameter_invalid"), "{value}");
    }
    let secret = format!("Bearer {SECRET_KEY}");
    let logs =
        server.post("/v1/logs?validate=true", &[json_type, ("authorization", &secret)], b"[]");
    assert_eq!((logs.status, &logs.json()["status"]), (200, &json!("validated")));
    let admin = format!("Bearer {ADMIN_TOKEN}");
    let rules = br#"{"kind":"write","source":"web","events_per_s":5}"#;
    let key = server.post("/api/keys", &[json_type, ("authorization", &admin)], rules).json();
    let path = format!("/v1/events?validate=1&key={}", key["key"].as_str().unwrap());
    let many = format!("[{}]", [r#"{"name":"a"}"#; 500].join(","));
    let answers = [0; 2].map(|_| server.post(&path, &[json_type], many.as_bytes()).status);
    assert_eq!(answers, [200, 429], "events of a dry run use up the rate");
    assert_eq!(server.settled()["received"], 0);
}
