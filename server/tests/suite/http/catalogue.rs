//! Names, properties, traffic and errors, as the real server counts and shows them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Server, WRITE_KEY};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

fn key(server: &Server, source: &str) -> String {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let body = json!({"kind": "write", "source": source}).to_string();
    let key = server.post("/api/keys", &[("authorization", &bearer)], body.as_bytes()).json();
    key["key"].as_str().unwrap().to_owned()
}

fn send(server: &Server, key: &str, events: &[Value]) {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let reply = server.post("/v1/events", &headers, json!(events).to_string().as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// Every name of a source, page by page.
fn names(server: &Server, source: &str) -> Vec<Value> {
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.read(&format!("/api/catalogue?source={source}&limit=500{cursor}")).json();
        names.extend(page["names"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { return names };
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        cursor = format!("&cursor={next}");
    }
}

#[test]
fn invented_names_take_a_bounded_room_and_none_of_another_source() {
    let (_dir, server) = server();
    let hostile = key(&server, "hostile");
    for payload in 0..3 {
        let invented = (0..800).map(|it| json!({"name": format!("n\u{202e}{payload}-{it}")}));
        send(&server, &hostile, &invented.collect::<Vec<_>>());
    }
    server.settled();
    send(&server, WRITE_KEY, &[json!({"name": "mine", "properties": {"plan": "pro"}})]);
    server.settled();
    let invented = names(&server, "hostile");
    assert_eq!(invented.len(), 2_001);
    assert_eq!((&invented[0]["overflow"], &invented[0]["count"]), (&json!(true), &json!(400)));
    let mine = names(&server, "web");
    assert_eq!((&mine[0]["name"], mine.len()), (&json!("mine"), 1));
    let found = server.read("/api/catalogue/properties?source=web&name=mine").json();
    assert_eq!(found["properties"][0]["examples"], json!(["pro"]));
    let traffic = server.read("/api/traffic?by=day&source=hostile").json();
    let days = traffic["all"]["stored"].as_array().unwrap();
    assert_eq!(days.iter().map(|it| it.as_u64().unwrap()).sum::<u64>(), 2_400);
    assert_eq!(days.len(), 90);
}

#[test]
fn refused_requests_and_invalid_events_are_groups_of_errors() {
    let (_dir, server) = server();
    send(&server, WRITE_KEY, &[json!({"name": ""}), json!({"name": "good"})]);
    server.settled();
    for _ in 0..3 {
        assert_eq!(server.post("/v1/events?key=wk_nobodys", &[], b"[]").status, 401);
    }
    assert_eq!(server.send("{").status, 400);
    let deadline = crate::harness::now() + Duration::from_secs(30);
    let groups = loop {
        let groups = server.read("/api/errors").json()["groups"].as_array().unwrap().clone();
        if groups.len() == 3 {
            break groups;
        }
        assert!(crate::harness::now() < deadline, "{groups:?}");
        std::thread::sleep(Duration::from_millis(100));
    };
    let find = |stage: &str, source: &Value| {
        groups.iter().find(|it| it["stage"] == stage && it["source"] == *source).unwrap()
    };
    let unknown = find("intake", &Value::Null);
    assert_eq!((&unknown["code"], &unknown["count"]), (&json!("key_unknown"), &json!(3)));
    assert!(unknown["message"].as_str().unwrap().starts_with("unknown or deleted key"));
    assert_eq!(unknown["sample"], Value::Null);
    assert_eq!(find("intake", &json!("web"))["count"], 1);
    let invalid = find("event", &json!("web"));
    assert_eq!((&invalid["code"], &invalid["count"]), (&json!("name_missing"), &json!(1)));
    let id = invalid["sample"]["id"].as_str().unwrap();
    assert_eq!(server.read(&format!("/api/events/{id}")).status, 200);
    assert_eq!(server.read("/api/errors?sink=archive").json()["groups"], json!([]));
}

#[test]
fn parameters_that_cannot_be_used_are_refused_with_what_to_send() {
    let (_dir, server) = server();
    for (path, status, code) in [
        ("/api/catalogue?cursor=x", 400, "parameter_invalid"),
        ("/api/catalogue?cursor=9-a", 400, "parameter_invalid"),
        ("/api/catalogue/properties?source=web", 400, "parameter_invalid"),
        ("/api/catalogue/properties?source=web&name=none", 404, "not_found"),
        ("/api/traffic?by=week", 400, "parameter_invalid"),
        ("/api/traffic?from=5&to=4", 400, "parameter_invalid"),
        ("/api/traffic?by=minute&from=0", 400, "parameter_invalid"),
        ("/api/traffic?from=-9223372036854775808&to=9223372036854775807", 400, "parameter_invalid"),
        ("/api/errors?stage=page", 400, "parameter_invalid"),
        ("/api/errors?cursor=1-intake", 400, "parameter_invalid"),
        ("/api/errors?kind=x", 400, "parameter_unknown"),
    ] {
        let reply = server.read(path);
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (status, code),
            "{path}: {}",
            reply.text
        );
    }
}
