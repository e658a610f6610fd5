//! An invalid event: it is shown with what it was, and can be corrected.

use serde_json::{Value, json};

use crate::harness::Server;

fn invalid(server: &Server) -> Value {
    server.settled();
    server.read("/api/events?state=invalid").json()["events"].take()
}

#[test]
fn a_corrected_event_with_the_same_id_is_stored_and_the_wrong_one_stays_listed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let event = |value: &str| {
        format!(r#"[{{"id":"x","name":"load","monitor":{{"kind":"timer","value":{value}}}}}]"#)
    };
    server.send(&event("null"));
    server.send(&event("\"12\""));
    server.settled();
    assert_eq!(server.read("/api/events/x").json()["state"], "invalid");
    server.send(&event("12"));
    server.send(&event("12"));
    let totals = server.settled();
    assert_eq!(
        (&totals["stored"], &totals["invalid"], &totals["duplicates"]),
        (&json!(1), &json!(2), &json!(1))
    );
    let stored = server.read("/api/events/x").json();
    assert_eq!((&stored["state"], &stored["monitor"]["value"]), (&json!("stored"), &json!(12)));
    assert_eq!(invalid(&server).as_array().unwrap().len(), 2);
}

#[test]
fn an_invalid_event_is_listed_with_what_could_be_read_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let long = "x".repeat(600);
    let text = format!(
        r#"{{"name":"paid","type":"trace","ts":1790000000,"user":{{"id":7}},"properties":{{"who":"{long}"}}}}"#
    );
    let payload = server.send(&format!("[{{\"name\":\"fine\"}},{text}]")).json()["payload"].take();
    let listed = invalid(&server)[0].take();
    assert_eq!((&listed["name"], &listed["type"]), (&json!("paid"), &json!("trace")));
    assert_eq!(
        (&listed["ts"], &listed["user"]),
        (&json!(1_790_000_000_000_i64), &json!({"id": "7"}))
    );
    assert_eq!((&listed["payload"], &listed["index"]), (&payload, &json!(1)));
    assert_eq!(listed["text"], text[..500], "the beginning");
    assert_eq!(listed["text_bytes"], text.len());
    let id = listed["id"].as_str().unwrap();
    assert_eq!(server.read(&format!("/api/events/{id}")).json()["name"], "paid");
    assert!(!server.stop_with_log().contains("paid"), "a log has no content of events");
}
