//! What a hostile client with the public key of one source can do to the counts, and how an
//! operator forgets it.

use lamplight_wire::Producer;
use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Reply, SECRET_KEY, Server, WRITE_KEY};

const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

/// Creates a key of this kind and source.
fn key(server: &Server, kind: &str, source: &str) -> String {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let body = json!({"kind": kind, "source": source}).to_string();
    let key = server.post("/api/keys", &[("authorization", &bearer)], body.as_bytes()).json();
    key["key"].as_str().unwrap().to_owned()
}

fn send(server: &Server, path: &str, key: &str, body: &Value) {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let reply = server.post(path, &headers, body.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text);
}

fn forget(server: &Server, source: &str) -> Reply {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    server.post(&format!("/api/sources/{source}/forget"), &[("authorization", &bearer)], b"")
}

#[test]
fn a_key_of_one_source_neither_suppresses_nor_counts_in_another() {
    let (_dir, server) = server();
    let hostile = key(&server, "write", "other");
    let event = json!({"name": "theirs", "producer": P, "seq": 1});
    let claim = json!({"next": 4_000_000_000_u64, "dropped": {"quota": [[2, 9]]}});
    let body =
        json!({"v": 1, "events": [event, {"name": "theirs", "id": "x"}], "producers": {P: claim}});
    send(&server, "/v1/events", &hostile, &body);
    server.settled();
    let body = json!([{"name": "mine", "producer": P, "seq": 1}, {"name": "mine", "id": "x"}]);
    send(&server, "/v1/events", WRITE_KEY, &body);
    let totals = server.settled();
    assert_eq!((&totals["stored"], &totals["duplicates"]), (&json!(4), &json!(0)));
    let web = json!({"producers": 1, "made": 1, "received": 1, "declared": 0, "missing": 0});
    assert_eq!(totals["sources"]["web"], web);
    let number = format!("/api/events/{P}-1?source=web");
    assert_eq!(server.read(&number).json()["name"], "mine");
    let row =
        &server.read(&format!("/api/producers?producer={P}&source=other")).json()["producers"][0];
    assert_eq!((&row["made"], &row["missing"]), (&json!(21_001), &json!(20_992)));
    assert_eq!(row["doubt"], json!({"claimed": 3_999_999_999_u64, "refused": 0}));
    let mine =
        &server.read(&format!("/api/producers?producer={P}&source=web")).json()["producers"][0];
    assert_eq!((&mine["holes"], &mine["doubt"]), (&json!([]), &Value::Null));
}

#[test]
fn a_public_key_cannot_take_the_ids_of_the_secret_key_of_its_source() {
    let (_dir, server) = server();
    let public = key(&server, "write", "backend");
    let event = json!([{"name": "forged", "id": "order-1"}]);
    send(&server, "/v1/events", &public, &event);
    server.settled();
    for _ in 0..2 {
        send(&server, "/v1/logs", SECRET_KEY, &json!([{"name": "paid", "id": "order-1"}]));
    }
    // A new key of the same kind continues with the same ids.
    let rotated = key(&server, "secret", "backend");
    send(&server, "/v1/logs", &rotated, &json!([{"name": "paid", "id": "order-1"}]));
    let totals = server.settled();
    assert_eq!((&totals["stored"], &totals["duplicates"]), (&json!(2), &json!(2)));
}

#[test]
fn a_forgotten_source_no_longer_counts_what_did_not_arrive() {
    let (_dir, server) = server();
    let event = json!({"name": "a", "producer": P, "seq": 3});
    let body = json!({"v": 1, "events": [event], "producers": {P: {"next": 4_000_000_000_u64}}});
    send(&server, "/v1/events", WRITE_KEY, &body);
    assert_eq!(server.settled()["in_flight"], 21_000);
    let unknown = forget(&server, "wbe");
    assert_eq!((unknown.status, unknown.problem()), (404, "not_found".into()));
    assert!(unknown.text.contains("use one of web"), "{}", unknown.text);
    let done = forget(&server, "web");
    assert_eq!(done.json(), json!({"producers": 1, "declared": 0, "missing": 21_000}));
    let totals = server.settled();
    let counts = ["made", "stored", "in_flight", "declared", "lost"].map(|it| totals[it].clone());
    assert_eq!(counts, [1, 1, 0, 0, 0].map(Value::from));
    send(&server, "/v1/events", WRITE_KEY, &body);
    let totals = server.settled();
    let counts = ["made", "stored", "duplicates", "in_flight"].map(|it| totals[it].clone());
    assert_eq!(counts, [1, 1, 1, 0].map(Value::from), "the same claim counts no more");
}

#[test]
fn declarations_without_events_use_up_the_rate_of_their_key() {
    let (_dir, server) = server();
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let body = json!({"kind": "write", "source": "web", "events_per_s": 1}).to_string();
    let made = server.post("/api/keys", &[("authorization", &bearer)], body.as_bytes()).json();
    let key = format!("Bearer {}", made["key"].as_str().unwrap());
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    let named = |bits: u128| (Producer::from_bits(bits).to_string(), json!({"next": 2}));
    let producers: serde_json::Map<String, Value> = (0..100).map(named).collect();
    let body = json!({"v": 1, "events": [], "producers": producers}).to_string();
    assert_eq!(server.post("/v1/events", &headers, body.as_bytes()).status, 200);
    let refused = server.post("/v1/events", &headers, body.as_bytes());
    assert_eq!((refused.status, refused.problem()), (429, "rate_limited".into()));
    let wait_s: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((30..=100).contains(&wait_s), "{wait_s} s for what costs as much as 100 events");
}
