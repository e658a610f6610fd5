//! The API calls that read.

use serde_json::{Value, json};

use crate::harness::Server;

const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

fn names(page: &Value) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|event| event["name"].as_str().unwrap()).collect()
}

#[test]
fn totals_have_every_count_and_begin_at_zero() {
    let (_dir, server) = server();
    let want = json!({
        "made": 0, "received": 0, "stored": 0, "removed": 0, "duplicates": 0, "invalid": 0, "in_flight": 0, "declared": 0, "lost": 0,
        "queue": {"depth": 0, "events": 0, "oldest_ms": 0, "failing": 0, "last_error": null,
            "set_aside": 0, "set_aside_events": 0, "discarded": 0, "discarded_events": 0}, "sources": {}, "sinks": {},
    });
    assert_eq!(server.settled(), want);
    let refused = server.totals()["refused"].clone();
    assert!(refused["since"].as_i64().unwrap() > 1_700_000_000_000, "{refused}");
    assert_eq!((&refused["by_code"], &refused["by_key"]), (&json!({}), &json!({})));
}

#[test]
fn an_event_is_shown_as_it_was_sent_with_added_fields() {
    let (_dir, server) = server();
    let event = format!(
        r#"{{"name":"paid","ts":1700000000000,"producer":"{P}","seq":1,"properties":{{"sum": 1.50,"who":"\u00e9"}},"user":{{"id":7}},"session":"s","context":{{"page":"/"}}}}"#
    );
    let reply = server.send(&format!(r#"{{"v":1,"sent_at":1700000000500,"events":[{event}]}}"#));
    let payload = reply.json()["payload"].as_str().unwrap().to_owned();
    server.settled();
    let list = server.read("/api/events");
    assert!(list.text.contains(r#""properties":{"sum": 1.50,"who":"\u00e9"}"#), "{}", list.text);
    let list = list.json();
    let shown = &list["events"][0];
    let received = shown["received"].as_i64().unwrap();
    assert_eq!(shown["time"], received - 500, "corrected by the skew of the client's clock");
    assert_eq!(shown["ts"], 1_700_000_000_000_i64);
    assert_eq!(shown["event_id"], format!("{P}-1"));
    assert_eq!((&shown["producer"], &shown["seq"]), (&P.into(), &1.into()));
    assert_eq!((&shown["type"], &shown["source"]), (&"default".into(), &"web".into()));
    assert_eq!((&shown["user"], &shown["session"]), (&json!({"id": "7"}), &"s".into()));
    assert_eq!((&shown["payload"], &shown["index"]), (&payload.into(), &0.into()));
    assert_eq!(list["next"], Value::Null);
    for id in [shown["id"].as_str().unwrap(), &format!("{P}-1")] {
        let whole = server.read(&format!("/api/events/{id}")).json();
        assert_eq!(whole["name"], "paid");
        assert_eq!(whole["receipt"]["client"], "127.0.0.0/24");
        let stages: Vec<&str> = whole["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["stage"].as_str().unwrap())
            .collect();
        assert_eq!(stages, ["client", "intake", "process", "events"]);
    }
}

#[test]
fn events_are_filtered_and_paged() {
    let (_dir, server) = server();
    server.send(r#"[{"name":"a","user":{"id":"ann"},"properties":{"plan":{"name":"pro"}}},{"name":"b"},{"name":"a"}]"#);
    server.settled();
    assert_eq!(names(&server.read("/api/events?name=a").json()), ["a", "a"]);
    assert_eq!(names(&server.read("/api/events?user=ann&name=a").json()), ["a"]);
    assert_eq!(names(&server.read("/api/events?prop.plan.name=pro").json()), ["a"]);
    assert_eq!(names(&server.read("/api/events?prop.plan.name=free").json()), [""; 0]);
    assert_eq!(names(&server.read("/api/events?to=2020-01-01T00:00:00Z").json()), [""; 0]);
    let first = server.read("/api/events?limit=2").json();
    let next = first["next"].as_str().unwrap();
    let second = server.read(&format!("/api/events?limit=2&cursor={next}")).json();
    assert_eq!((names(&first).len(), names(&second).len()), (2, 1));
    assert_eq!(second["next"], Value::Null);
}

#[test]
fn an_unknown_or_invalid_parameter_is_refused() {
    let (_dir, server) = server();
    for (path, code) in [
        ("/api/events?nmae=a", "parameter_unknown"),
        ("/api/totals?x=1", "parameter_unknown"),
        ("/api/events/x?y=1", "parameter_unknown"),
        ("/api/producers?name=a", "parameter_unknown"),
        ("/api/events?limit=501", "parameter_invalid"),
        ("/api/events?limit=0", "parameter_invalid"),
        ("/api/events?type=odd", "parameter_invalid"),
        ("/api/events?from=yesterday", "parameter_invalid"),
        ("/api/events?cursor=x", "parameter_invalid"),
        ("/api/events?cursor=seq5", "parameter_invalid"),
        ("/api/events?prop.=x", "parameter_invalid"),
        ("/api/events?name=a&name=b", "parameter_invalid"),
        ("/api/producers?verdict=odd", "parameter_invalid"),
        ("/api/producers?cursor=1-x", "parameter_invalid"),
    ] {
        let reply = server.read(path);
        assert_eq!((reply.status, reply.problem().as_str()), (400, code), "{path}");
    }
}

#[test]
fn events_that_never_arrived_are_shown_by_producer_and_number() {
    let (_dir, server) = server();
    server.send(&format!(
        r#"{{"v":1,"producers":{{"{P}":{{"next":9,"dropped":{{"quota":[[3,4]]}}}}}},"events":[{{"name":"a","producer":"{P}","seq":1}},{{"name":"a","producer":"{P}","seq":6}}]}}"#
    ));
    let totals = server.settled();
    let counts = ["made", "stored", "in_flight", "declared", "lost"]
        .map(|name| totals[name].as_u64().unwrap());
    assert_eq!(counts, [8, 2, 4, 2, 0]);
    let page = server.read("/api/producers?verdict=in_flight").json();
    let producer = &page["producers"][0];
    assert_eq!(producer["producer"], P);
    assert_eq!((&producer["made"], &producer["received"]), (&8.into(), &2.into()));
    assert_eq!(producer["holes"], json!([[2, 2], [5, 5], [7, 8]]));
    assert_eq!(producer["declared"], json!([{"reason": "quota", "ranges": [[3, 4]]}]));
    assert_eq!(server.read("/api/producers?verdict=complete").json()["producers"], json!([]));
    for (seq, state) in [(2, "in_flight"), (3, "declared")] {
        assert_eq!(server.read(&format!("/api/events/{P}-{seq}")).json()["state"], state);
    }
    let unknown = server.read(&format!("/api/events/{P}-99"));
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not_found"));
}

#[test]
fn health_checks_and_the_sign_in_need_no_token() {
    let (_dir, server) = server();
    assert_eq!(
        (server.get("/healthz", &[]).status, server.get("/healthz", &[]).text.as_str()),
        (200, "ok")
    );
    assert_eq!(server.get("/readyz", &[]).status, 200);
    let page = server.get("/login", &[]);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text.contains("Sign in"), "{}", page.text);
}
