//! Groups of errors, and what can be done about their members.

use serde_json::{Value, json};

use super::receiver::Receiver;
use super::visitor::Visitor;
use crate::harness::{ADMIN_TOKEN, Server};
use crate::http::set_aside::leave_two_set_aside;

fn until_dead(server: &Server, count: u64) {
    for _ in 0..1_500 {
        if server.totals()["sinks"]["hook"]["dead"] == count {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{}", server.totals());
}

/// How many deliveries are waiting, sent, dead, dropped and discarded.
fn counts(server: &Server) -> [u64; 5] {
    let sink = server.totals()["sinks"]["hook"].clone();
    ["waiting", "sent", "dead", "dropped", "discarded"].map(|name| sink[name].as_u64().unwrap())
}

fn post(server: &Server, path: &str, body: &Value) -> Value {
    let token = format!("Bearer {ADMIN_TOKEN}");
    let reply = server.post(path, &[("authorization", &token)], body.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

#[test]
fn dead_letters_are_discarded_after_a_question_and_restored_by_undo() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(400);
    let server = receiver.serve(dir.path());
    server.send(r#"[{"id":"a","name":"a"},{"id":"b","name":"<b>"},{"id":"c","name":"c"}]"#);
    server.settled();
    until_dead(&server, 3);
    let visitor = Visitor::admin(&server);
    let letters = server.read("/api/deliveries/dead?sink=hook").json();
    let code = letters["deliveries"][0]["reason"].as_str().unwrap().to_owned();
    let group = format!("/errors/group?stage=delivery&sink=hook&code={code}");
    let page = visitor.page(&group);
    assert_eq!(page.matches("<tr data-row>").count(), 3, "{page}");
    assert!(page.contains("are dead letters"), "{page}");
    let json = format!("href=\"/api/deliveries/dead?sink=hook&#38;reason={code}\"");
    assert!(page.contains(&json), "{page}");
    let confirm = format!("/errors/confirm?action=discard&sink=hook&reason={code}");
    let question = visitor.page(&confirm);
    assert!(question.contains("<h1>Discard 3 deliveries?</h1>"), "{question}");
    assert_eq!(counts(&server), [0, 0, 3, 0, 0], "a question changes nothing");

    let fields = format!("sink=hook&reason={code}");
    let reply = visitor.submit("/errors/deliveries/discard", &fields);
    assert_eq!(reply.status, 303, "{reply:?}");
    assert_eq!(counts(&server), [0, 0, 0, 0, 3]);
    let page = visitor.page(reply.header("location").unwrap());
    assert!(page.contains("3 are discarded.") && page.contains("Undo"), "{page}");
    assert!(page.contains("Nothing of this group waits for you"), "{page}");
    server.kill_9();

    receiver.answer(200);
    let server = receiver.serve(dir.path());
    let visitor = Visitor::admin(&server);
    assert_eq!(counts(&server), [0, 0, 0, 0, 3], "nothing is sent that was discarded");
    let event = server.read("/api/events/a").json();
    assert_eq!(event["timeline"].as_array().unwrap().last().unwrap()["state"], "discarded");
    assert_eq!(visitor.submit("/errors/deliveries/restore", &fields).status, 303);
    assert_eq!(counts(&server), [0, 0, 3, 0, 0]);

    let row = event["id"].as_str().unwrap();
    let one = format!("{fields}&event={row}");
    assert_eq!(visitor.submit("/errors/deliveries/retry", &one).status, 303);
    let spread = format!("{fields}&spread_min=30");
    assert_eq!(visitor.submit("/errors/deliveries/retry", &spread).status, 303);
    for _ in 0..500 {
        if counts(&server)[1] == 2 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(counts(&server), [1, 2, 0, 0, 0], "the second of the two is due in 15 minutes");
}

#[test]
fn the_api_discards_restores_and_lists_dead_letters() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(400);
    let server = receiver.serve(dir.path());
    server.send(r#"[{"id":"a","name":"a"},{"id":"b","name":"b"}]"#);
    server.settled();
    until_dead(&server, 2);
    let dry = post(&server, "/api/deliveries/discard", &json!({"sink": "hook", "dry_run": true}));
    assert_eq!(dry, json!({"count": 2, "more": false, "dry_run": true}));
    let one = json!({"event": "a"});
    assert_eq!(post(&server, "/api/deliveries/discard", &one)["count"], 1);
    let list = |state: &str| {
        let path = format!("/api/deliveries/dead?sink=hook&state={state}");
        server.read(&path).json()["deliveries"].as_array().unwrap().len()
    };
    assert_eq!((list("dead"), list("discarded")), (1, 1));
    assert_eq!(counts(&server), [0, 0, 1, 0, 1]);
    assert_eq!(post(&server, "/api/deliveries/restore", &one)["count"], 1);
    assert_eq!(counts(&server), [0, 0, 2, 0, 0]);
    assert_eq!(server.read("/api/deliveries/dead").problem(), "parameter_invalid");
    let token = format!("Bearer {ADMIN_TOKEN}");
    let all = server.post("/api/deliveries/discard", &[("authorization", &token)], b"{}");
    assert_eq!(all.problem(), "parameter_invalid", "not everything by accident");
}

#[test]
fn payloads_that_are_set_aside_are_discarded_restored_and_retried() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = leave_two_set_aside(dir.path());
    let server = Server::serve(dir.path());
    let visitor = Visitor::admin(&server);
    let page = visitor.page("/errors/group?stage=process");
    assert!(page.contains(&first) && page.contains(&second), "{page}");
    let raw = visitor.get(&format!("/payloads/{first}"));
    let location = raw.header("location").unwrap();
    assert!(location.starts_with("/events/") && location.ends_with("?tab=raw"), "{raw:?}");
    assert_eq!(visitor.get("/payloads/nothing").status, 404);
    let reply = visitor.submit("/errors/payloads/discard", &format!("payload={first}"));
    assert_eq!(reply.status, 303, "{reply:?}");
    let queue = server.totals()["queue"].clone();
    assert_eq!((&queue["set_aside"], &queue["discarded"]), (&1.into(), &1.into()));
    assert_eq!(queue["discarded_events"], 2);
    let page = visitor.page(reply.header("location").unwrap());
    let undo = format!("name=\"payload\" value=\"{first}\"");
    assert!(page.contains("1 is discarded.") && page.contains(&undo), "{page}");
    let page = visitor.page("/errors/group?stage=process&state=discarded");
    assert!(page.contains(&first) && !page.contains(&second), "{page}");
    let listed = server.read("/api/payloads/set-aside?state=discarded").json();
    assert_eq!(listed["payloads"][0]["payload"], first);

    let question = visitor.page("/errors/confirm?action=discard");
    assert!(question.contains("Discard 1 payload?"), "{question}");
    let token = format!("Bearer {ADMIN_TOKEN}");
    let call = |path: &str| server.call("POST", path, &[("authorization", &token)], b"");
    assert_eq!(call(&format!("/api/payloads/{first}/retry")).problem(), "not_found");
    assert_eq!(call(&format!("/api/payloads/{first}/restore")).status, 200);
    assert_eq!(call(&format!("/api/payloads/{first}/restore")).problem(), "not_found");
    assert_eq!(call(&format!("/api/payloads/{first}/discard")).status, 200);
    assert_eq!(visitor.submit("/errors/payloads/restore", &format!("payload={first}")).status, 303);
    assert_eq!(visitor.submit("/errors/payloads/retry", "").status, 303);
    let totals = server.settled();
    assert_eq!((&totals["stored"], &totals["queue"]["set_aside"]), (&4.into(), &0.into()));
    assert_eq!(totals["queue"]["discarded"], 0);
}

#[test]
fn retries_of_payloads_are_spread_over_the_minutes_that_the_form_names() {
    let dir = tempfile::tempdir().unwrap();
    leave_two_set_aside(dir.path());
    let server = Server::serve(dir.path());
    let visitor = Visitor::admin(&server);
    assert_eq!(visitor.submit("/errors/payloads/retry", "spread_min=60").status, 303);
    for _ in 0..500 {
        if server.totals()["stored"] == 2 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    let totals = server.totals();
    assert_eq!(totals["stored"], 2, "the second of the two is due in 30 minutes");
    assert_eq!((&totals["queue"]["depth"], &totals["queue"]["set_aside"]), (&1.into(), &0.into()));
}

#[test]
fn the_page_of_errors_filters_and_a_viewer_gets_no_buttons() {
    let dir = tempfile::tempdir().unwrap();
    let [first, _] = leave_two_set_aside(dir.path());
    let server = Server::serve(dir.path());
    server.send(r#"[{"id":"x","name":7}]"#);
    server.settled();
    let admin = Visitor::admin(&server);
    let page = admin.page("/errors");
    assert!(page.contains("<h1>Errors</h1>"), "{page}");
    let code = server.read("/api/events/x").json()["reason"].as_str().unwrap().to_owned();
    assert!(page.contains(&format!("<bdi>{code}</bdi>")), "{page}");
    let page = admin.page("/errors?stage=delivery&source=&sink=%3Cb%3E");
    assert!(page.contains("No errors match"), "{page}");
    assert!(page.contains("value=\"&#60;b&#62;\""), "{page}");
    let page = admin.page(&format!("/errors/group?stage=event&code={code}&source=web"));
    assert!(page.contains("These events arrived and cannot be stored"), "{page}");
    assert_eq!(admin.get("/errors?stage=nothing").status, 400);
    assert_eq!(admin.get("/errors?nothing=1").status, 400);
    assert_eq!(admin.get("/errors/group").status, 400);
    let key = server.call(
        "POST",
        "/api/keys",
        &[
            ("authorization", &format!("Bearer {ADMIN_TOKEN}")),
            ("content-type", "application/json"),
        ],
        br#"{"kind":"viewer","source":"console"}"#,
    );
    let viewer = Visitor::with_token(&server, key.json()["key"].as_str().unwrap());
    let page = viewer.page("/errors/group?stage=process");
    assert!(page.contains(&first) && !page.contains("/errors/payloads/"), "{page}");
    assert_eq!(viewer.get("/errors/confirm?action=discard").status, 403);
    for verb in ["retry", "discard", "restore"] {
        let payload = format!("payload={first}");
        assert_eq!(viewer.submit(&format!("/errors/payloads/{verb}"), &payload).status, 403);
        assert_eq!(viewer.submit(&format!("/errors/deliveries/{verb}"), "sink=a").status, 403);
    }
    assert_eq!(admin.submit("/errors/payloads/burn", "").status, 404);
}
