//! The page of one event, followed from the raw payload to its delivery.

use std::path::Path;

use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite;
use lamplight_server::store::{
    ExhaustedPayload, FailedPayload, LeaseAsk, LeaseToken, NewPayload, PayloadId, WorkerSlot,
};
use lamplight_server::system::clock::{Clock, SystemClock};
use rusqlite::Connection;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::receiver::Receiver;
use super::visitor::Visitor;
use crate::harness::{ADMIN_TOKEN, Server};
use crate::store::sample::payload;

const ID: &str = "order-1042";
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// How a payload has failed before the server starts.
#[derive(Clone, Copy)]
enum Left {
    /// One attempt has failed, and the next is due in an hour.
    Failed,
    /// It failed too often.
    SetAside,
}

/// Leaves a payload with the event in a data directory.
fn leave(data: &Path, left: Left) {
    std::fs::create_dir_all(data).unwrap();
    let now_ms = SystemClock.now_ms();
    let body = format!(
        r#"{{"v":1,"sent_at":{now_ms},"events":[{{"id":"{ID}","name":"order_paid","ts":{},"properties":{{"plan":"pro","items":[{{"sku":"a-1"}}]}}}}]}}"#,
        now_ms - 5_000
    );
    let mut staged: NewPayload = payload(1, &body);
    staged.metadata.received_ms = now_ms;
    staged.metadata.events = 1;
    let ms = u128::try_from(now_ms).unwrap();
    staged.metadata.id = PayloadId(Uuid::from_u128((ms << 80) | (0x7 << 76) | (0x2 << 62) | 0x2a));
    Runtime::new().unwrap().block_on(async {
        let (intake, store) = (data.join("intake.db"), data.join("store.db"));
        let storage = sqlite::open(&intake, &store, WriterLimits::default(), Vec::new()).unwrap();
        let queue = &storage.payload_queue;
        queue.stage(staged).await.unwrap();
        let ask = LeaseAsk {
            token: LeaseToken(7),
            worker: WorkerSlot::ALONE,
            now_ms,
            lease_ms: 60_000,
            payloads_max: 10,
            unpacked_bytes_max: 1 << 20,
        };
        let leased = queue.lease(ask).await.unwrap().remove(0);
        let (ticket, error) = (leased.ticket, "failed to plan: the <disk> is on fire".to_owned());
        match left {
            Left::Failed => {
                let due_ms = now_ms + HOUR_MS;
                let failed = FailedPayload { ticket, due_ms, error, is_own: true };
                queue.release(leased.lease, vec![failed], now_ms).await.unwrap();
            }
            Left::SetAside => {
                let exhausted = vec![ExhaustedPayload { ticket, error }];
                queue.set_aside(leased.lease, exhausted, now_ms).await.unwrap();
            }
        }
        storage.close().await.unwrap();
    });
}

/// Waits until the page of the event says this.
fn until(visitor: &Visitor<'_>, path: &str, text: &str) -> String {
    for _ in 0..1_500 {
        let page = visitor.page(path);
        if page.contains(text) {
            return page;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the page never says {text:?}: {}", visitor.page(path));
}

/// What the page says in its section about where the event is.
fn standing(page: &str) -> &str {
    page.split("id=\"standing\"").nth(1).unwrap().split("</section>").next().unwrap()
}

#[test]
fn an_event_in_a_payload_that_failed_is_found_and_waits_also_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    leave(dir.path(), Left::Failed);
    let server = Server::serve(dir.path());
    let json = server.read(&format!("/api/events/{ID}")).json();
    assert_eq!((&json["state"], &json["attempts"]), (&"waiting".into(), &1.into()), "{json}");
    assert_eq!(json["properties"]["plan"], "pro");
    let row = json["id"].as_str().unwrap().to_owned();
    server.kill_9();
    let server = Server::serve(dir.path());
    let visitor = Visitor::admin(&server);
    for id in [ID, &row] {
        let page = visitor.page(&format!("/events/{id}"));
        let says = standing(&page);
        assert!(says.contains("waiting to be processed"), "{says}");
        assert!(says.contains("Attempt 1 to process its payload failed"), "{says}");
        assert!(says.contains("the &lt;disk&gt; is on fire"), "{says}");
        assert!(page.contains("<code><bdi>items[0].sku</bdi></code>"), "{page}");
        assert!(page.contains("Waiting to be processed") || page.contains("Processing failed"));
    }
}

#[test]
fn one_event_is_followed_from_set_aside_to_its_delivery() {
    let dir = tempfile::tempdir().unwrap();
    leave(&dir.path().join("data"), Left::SetAside);
    let receiver = Receiver::start(503);
    let server = receiver.serve(dir.path());
    let visitor = Visitor::admin(&server);
    let path = format!("/events/{ID}");
    let page = visitor.page(&path);
    assert!(standing(&page).contains("Set aside"), "{}", standing(&page));
    assert!(page.contains("Retry its payload") && page.contains("Discard its payload…"), "{page}");
    let payload = server.read(&format!("/api{path}")).json()["payload"].clone();
    let page = visitor.get(&format!("/payloads/{}", payload.as_str().unwrap()));
    assert!(visitor.page(page.header("location").unwrap()).contains("Set aside"), "{page:?}");
    assert_eq!(server.read(&format!("/api{path}")).json()["state"], "set_aside");

    let one = format!("payload={}", payload.as_str().unwrap());
    assert_eq!(visitor.submit("/errors/payloads/discard", &one).status, 303);
    let page = visitor.page(&path);
    assert!(page.contains("<span class=\"state warn\">discarded</span>"), "{page}");
    assert!(standing(&page).contains("Someone discarded its payload"), "{page}");
    assert!(page.contains("Restore its payload"), "{page}");
    for other in ["Retry its payload", "Replay its payload", "Discard its payload"] {
        assert!(!page.contains(other), "{other}: {page}");
    }
    assert_eq!(visitor.submit("/errors/payloads/restore", &one).status, 303);
    assert!(standing(&visitor.page(&path)).contains("Set aside"));

    let reply = visitor.submit(&format!("{path}/retry-payload"), "");
    assert_eq!(reply.status, 303, "{reply:?}");
    assert!(visitor.page(reply.header("location").unwrap()).contains("in the queue again"));
    let page = until(&visitor, &path, "waiting for a sink");
    assert!(standing(&page).contains("Stored, and waiting for <bdi>hook</bdi>."), "{page}");
    // On a slow machine the last attempt may have failed by now.
    let page = if page.contains("503") { page } else { until(&visitor, &path, "503") };
    assert!(page.contains("by the client's clock") || page.contains("By the client&#39;s clock"));
    server.kill_9();

    receiver.answer(400);
    let server = receiver.serve(dir.path());
    let visitor = Visitor::admin(&server);
    let page = until(&visitor, &path, "it is a dead letter there");
    assert!(standing(&page).contains("Given up at"), "{}", standing(&page));
    assert!(standing(&page).contains("400"), "{}", standing(&page));
    assert!(standing(&page).contains("<button>Retry</button>"), "{}", standing(&page));
    let other = visitor.submit(&format!("{path}/retry"), "sink=other");
    assert!(other.header("location").unwrap().contains("done=no_retry"), "{other:?}");
    server.kill_9();

    receiver.answer(200);
    let server = receiver.serve(dir.path());
    let visitor = Visitor::admin(&server);
    let reply = visitor.submit(&format!("{path}/retry"), "sink=hook");
    assert_eq!(reply.status, 303, "{reply:?}");
    let page = until(&visitor, &path, "Stored, and delivered to <bdi>hook</bdi>.");
    assert!(page.contains("Sink hook: sent"), "{page}");
    assert!(page.contains("<code><bdi>plan</bdi></code>"), "{page}");
    let again = visitor.submit(&format!("{path}/retry"), "sink=hook");
    let page = visitor.page(again.header("location").unwrap());
    assert!(page.contains("Nothing was retried"), "{page}");
    let reply = visitor.submit(&format!("{path}/replay"), "");
    assert!(reply.header("location").unwrap().contains("done=replay"), "{reply:?}");
    assert_eq!(server.read("/api/replay").json()["replays"].as_array().unwrap().len(), 1);
}

#[test]
fn neighbours_of_an_event_have_their_states_and_a_lost_one_its_page() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let producer = "0123456789ABCDEFGHJKMNPQRS";
    let event = |seq: u64| format!(r#"{{"name":"e{seq}","producer":"{producer}","seq":{seq}}}"#);
    assert_eq!(server.send(&format!("[{},{},{}]", event(1), event(2), event(5))).status, 200);
    server.settled();
    let visitor = Visitor::admin(&server);
    let page = visitor.page(&format!("/events/{producer}-2?tab=neighbours"));
    assert!(page.contains("<bdi>e1</bdi>") && page.contains("(this event)"), "{page}");
    assert!(page.contains(&format!("/events/{producer}-3?source=")), "{page}");
    assert!(page.contains("in the page's browser") || page.contains("in the page&#39;s browser"));
    let page = visitor.page(&format!("/events/{producer}-3"));
    assert!(standing(&page).contains("has not arrived"), "{page}");
    assert!(page.contains("not known: it has not arrived"), "{page}");
    assert_eq!(server.stop(), Some(0));
    let store = Connection::open(dir.path().join("store.db")).unwrap();
    let sql = "UPDATE producers SET first_heard_ms = first_heard_ms - ?1, last_heard_ms = last_heard_ms - ?1";
    assert!(store.execute(sql, [31 * 24 * HOUR_MS]).unwrap() > 0);
    drop(store);
    let server = Server::serve(dir.path());
    let page = Visitor::admin(&server).page(&format!("/events/{producer}-3"));
    assert!(page.contains("<span class=\"state bad\">lost</span>"), "{page}");
    assert!(standing(&page).contains("It was made, and never arrived."), "{page}");
}

#[test]
fn hostile_values_are_harmless_on_every_tab_and_the_command_is_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let body = format!(
        r#"[{{"id":"x/..?<b>'\"","name":"<script>alert(1)</script>\u202e\u0000","user":{{"id":"<img src=x>"}},"properties":{{"<b>'$(id)`id`":"it's \ud800 </pre><script>","deep":{deep},"long":"{}"}}}}]"#,
        "x".repeat(20_000)
    );
    let reply = server.send(&body);
    assert_eq!(reply.status, 200, "{reply:?}");
    server.settled();
    let visitor = Visitor::admin(&server);
    let stored = server.all_events();
    let id = stored[0]["id"].as_str().unwrap();
    for tab in ["properties", "enrichment", "raw", "neighbours"] {
        let page = visitor.page(&format!("/events/{id}?tab={tab}"));
        for bad in ["<script>alert", "</pre><script>", "<img src=x", "\u{202e}", "\0"] {
            assert!(!page.contains(bad), "{tab}: {bad:?}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)"), "{tab}");
    }
    let page = visitor.page(&format!("/events/{id}?tab=raw"));
    assert!(page.contains("Only the beginning is shown"), "{tab}", tab = "raw");
    let command = page.split("id=\"command\">").nth(1).unwrap().split("</pre>").next().unwrap();
    assert!(command.contains("YOUR_WRITE_KEY") && command.is_ascii(), "{command}");
    let path = "/events/x%2F..%3F%3Cb%3E'%22";
    let page = visitor.page(path);
    assert!(page.contains("action=\"/events/x%2F..%3F%3Cb%3E%27%22/replay\""), "{page}");
    let raw = visitor.get(&format!("/events/{id}/raw"));
    assert_eq!(raw.status, 200);
    assert_eq!(raw.header("content-type"), Some("application/octet-stream"));
    assert!(raw.header("content-disposition").unwrap().starts_with("attachment; filename="));
    assert_eq!(raw.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(raw.text, body, "as it was received");
}

#[test]
fn an_id_that_nothing_has_is_a_clear_page_and_a_viewer_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    server.send(r#"[{"id":"mine","name":"a"},{"id":"mine","name":"a"},{"id":"bad","name":7}]"#);
    server.settled();
    let admin = Visitor::admin(&server);
    let long = "x".repeat(5_000);
    for id in ["nothing", "%00", "%3Cscript%3E", "-1", long.as_str()] {
        let reply = admin.get(&format!("/events/{id}"));
        assert_eq!(reply.status, 404, "{id}");
        assert!(reply.text.contains("no event has the id"), "{id}: {}", reply.text);
        assert!(!reply.text.contains("<script>"), "{id}");
    }
    assert_eq!(admin.get("/events/mine?tab=nothing").status, 400);
    assert_eq!(admin.get("/events/mine?nothing=1").status, 400);
    assert_eq!(admin.get("/events/mine?format=json").header("location"), Some("/api/events/mine"));
    let page = admin.page("/events/bad");
    assert!(standing(&page).contains("invalid"), "{page}");
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
    let page = viewer.page("/events/mine");
    assert!(!page.contains("method=\"post\" action=\"/events"), "{page}");
    for action in ["replay", "retry", "retry-payload"] {
        let reply = viewer.submit(&format!("/events/mine/{action}"), "sink=hook");
        assert_eq!(reply.status, 403, "{action}");
    }
}
