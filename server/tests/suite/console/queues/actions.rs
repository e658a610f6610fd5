//! What the page shows of stages and sinks, and its actions with their effect.

use std::time::Duration;

use super::service::{Service, hook, serve};
use crate::console::visitor::Visitor;
use crate::harness::{ADMIN_TOKEN, Server, now};

/// Opens the page until it contains `part`.
#[track_caller]
fn until(visitor: &Visitor<'_>, part: &str) -> String {
    let begun = now();
    loop {
        let page = visitor.page("/queues");
        if page.contains(part) {
            return page;
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "no {part}: {page}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn send(server: &Server, names: &[&str]) {
    let events: Vec<String> = names.iter().map(|name| format!("{{\"name\":\"{name}\"}}")).collect();
    assert_eq!(server.send(&format!("[{}]", events.join(","))).status, 200);
    server.settled();
}

#[test]
fn a_page_without_sinks_says_how_to_add_one() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    send(&server, &["a", "b"]);
    let page = Visitor::admin(&server).page("/queues");
    assert!(page.contains("No sink is configured"), "{page}");
    assert!(page.contains("<th scope=\"row\">Intake</th>"), "{page}");
    assert!(page.contains("<th scope=\"row\">Processing</th>"), "{page}");
    assert_eq!(page.matches("<span class=\"state good\">Running</span>").count(), 2, "{page}");
    let queues = server.read("/api/queues").json();
    assert!(queues["stages"][1]["workers"].as_u64().unwrap() >= 2, "{queues}");
    assert!(queues["stages"][0].get("workers").is_none(), "{queues}");
    for query in ["?done=odd", "?nobody=1"] {
        assert_eq!(Visitor::admin(&server).get(&format!("/queues{query}")).status, 400, "{query}");
    }
}

#[test]
fn a_sink_is_shown_while_it_works_fails_is_paused_and_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(200, "fine");
    let server = serve(dir.path(), &[("hook", hook(service.port))]);
    let visitor = Visitor::admin(&server);
    let page = visitor.page("/queues");
    assert!(page.contains("none since the server started"), "{page}");
    send(&server, &["a", "b", "c"]);
    let page = until(&visitor, "<dt>Sent</dt><dd>3</dd>");
    assert!(page.contains("<span class=\"state good\">Running</span>"), "{page}");
    assert!(page.contains("1 2xx, 0 4xx, 0 5xx") && page.contains("<bdi>200 fine</bdi>"), "{page}");
    assert!(!page.contains("none since the server started"), "{page}");

    service.answer(503, "busy");
    send(&server, &["d"]);
    let page = until(&visitor, "Waiting to retry");
    assert!(page.contains("<dt>Owed</dt><dd>1<small>oldest "), "{page}");
    assert!(page.contains("server_failed") && page.contains("HTTP 503: busy"), "{page}");
    assert!(page.contains("<dt>Last failure</dt>"), "{page}");

    service.answer(401, "who are you?");
    let page = until(&visitor, "<span class=\"state bad\">Stopped</span>");
    assert!(page.contains("Correct it, then resume"), "{page}");
    assert!(
        page.contains("action=\"/queues/resume\"") && !page.contains("action=\"/queues/pause\"")
    );
    service.answer(200, "fine");
    let done = visitor.submit("/queues/resume", "sink=hook");
    assert_eq!(done.header("location"), Some("/queues?done=resumed&sink=hook"));
    until(&visitor, "<dt>Sent</dt><dd>4</dd>");

    assert_eq!(visitor.submit("/queues/pause", "sink=hook").status, 303);
    send(&server, &["e", "f"]);
    let page = until(&visitor, "<dt>Owed</dt><dd>2<small>");
    assert!(page.contains("Paused by an operator since"), "{page}");
    assert_eq!(visitor.submit("/queues/resume", "sink=hook").status, 303);
    until(&visitor, "<dt>Sent</dt><dd>6</dd>");
    assert_eq!(visitor.submit("/queues/pause", "sink=nobody").status, 404);
    let rate = server.read("/api/queues").json()["sinks"][0]["queued_per_s"].clone();
    assert!(rate.as_f64().is_some_and(|rate| rate > 0.0), "{rate}");
}

#[test]
fn a_viewer_sees_no_buttons_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(200, "");
    let server = serve(dir.path(), &[("hook", hook(service.port))]);
    let token = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("authorization", &*token), ("content-type", "application/json")];
    let made = server.call("POST", "/api/keys", &headers, br#"{"kind":"viewer","source":"c"}"#);
    let viewer = Visitor::with_token(&server, made.json()["key"].as_str().unwrap());
    let page = viewer.page("/queues");
    assert!(page.contains("<bdi>hook</bdi>") && !page.contains("/queues/"), "{page}");
    for path in ["/queues/pause", "/queues/resume", "/queues/check", "/queues/backfill?sink=hook"] {
        assert_eq!(viewer.submit(path, "sink=hook").status, 403, "{path}");
    }
    assert_eq!(viewer.get("/queues/backfill?sink=hook").status, 403);
    assert_eq!(server.totals()["sinks"]["hook"]["state"], "running");
    assert!(service.requests().is_empty());
}

#[test]
fn a_backfill_shows_its_count_before_it_delivers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(&dir.path().join("data"));
    send(&server, &["a", "a", "b"]);
    assert_eq!(server.stop(), Some(0));
    let service = Service::start(200, "");
    let server = serve(dir.path(), &[("hook", hook(service.port))]);
    let visitor = Visitor::admin(&server);
    let form = visitor.page("/queues/backfill?sink=hook");
    assert!(form.contains("Received from") && !form.contains("What this would do"), "{form}");
    let query = "sink=hook&from=2020-01-01&to=&name=a&source=&type=";
    let page = visitor.page(&format!("/queues/backfill?{query}"));
    assert!(page.contains("<dt>To deliver</dt><dd>2</dd>"), "{page}");
    assert!(page.contains("Deliver 2 events"), "{page}");
    let sink = &server.totals()["sinks"]["hook"];
    assert_eq!(
        (&sink["waiting"], &sink["sent"]),
        (&0.into(), &0.into()),
        "counting queues nothing"
    );
    assert!(service.requests().is_empty(), "counting delivers nothing");
    let done = visitor.submit("/queues/backfill?sink=hook&from=2020-01-01&name=a", "");
    assert_eq!(done.header("location"), Some("/queues?done=queued&sink=hook"));
    until(&visitor, "<dt>Sent</dt><dd>2</dd>");
    let page = visitor.page(&format!("/queues/backfill?{query}"));
    assert!(page.contains("<dt>Delivered or owed already</dt><dd>2</dd>"), "{page}");
    assert!(page.contains("Nothing to deliver"), "{page}");
    for query in ["sink=hook&from=soon", "sink=hook&from=2020-01-01&odd=1"] {
        assert_eq!(visitor.get(&format!("/queues/backfill?{query}")).status, 400, "{query}");
    }
    assert_eq!(visitor.get("/queues/backfill?sink=nobody").status, 404);
    assert_eq!(visitor.submit("/queues/backfill?sink=hook", "").status, 400);
}
