//! Saved views of the list of events.

use serde_json::json;

use super::events::{server, viewer};
use super::visitor::Visitor;
use crate::harness::ADMIN_TOKEN;

#[test]
fn a_saved_view_opens_its_filter_until_it_is_deleted() {
    let (_dir, server) = server();
    let visitor = Visitor::admin(&server);
    let saved =
        visitor.submit("/events/views", "name=Paid+%3Cb%3E&query=name%3Dorder_paid%26cursor%3Dx");
    assert_eq!((saved.status, saved.header("location")), (303, Some("/events?name=order_paid")));
    let page = visitor.page("/events");
    let chip = "<a class=\"chip\" href=\"/events?name=order_paid\"><bdi>Paid &lt;b&gt;</bdi></a>";
    assert!(page.contains(chip), "{page}");
    let views = server.read("/api/views?page=events").json();
    assert_eq!(views["views"][0]["query"], "name=order_paid");
    let looks = viewer(&server);
    let page = looks.page("/events");
    assert!(
        page.contains(chip) && !page.contains("<form method=\"post\" action=\"/events"),
        "{page}"
    );
    assert!(!page.contains("Process again"), "{page}");
    for (path, fields) in [
        ("/events/views", "name=a&query="),
        ("/events/views/delete", "name=Paid+%3Cb%3E"),
        ("/events/replay", "from_ms=1&to_ms=2"),
    ] {
        assert_eq!(looks.submit(path, fields).status, 403, "{path}");
    }
    assert_eq!(looks.get("/events/replay").status, 403);
    let deleted = visitor.submit("/events/views/delete", "name=Paid+%3Cb%3E&query=type%3Dcritical");
    assert_eq!(deleted.header("location"), Some("/events?type=critical"));
    assert!(!visitor.page("/events").contains("Paid"));
    assert_eq!(visitor.submit("/events/views", "name=&query=").status, 400);
    assert_eq!(visitor.submit("/events/views", &format!("name={}", "x".repeat(81))).status, 400);
}

#[test]
fn the_api_saves_at_most_100_views_and_replaces_by_name() {
    let (_dir, server) = server();
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let save = |name: &str| {
        let body = json!({"page": "events", "name": name, "query": "a=b"}).to_string();
        server.post("/api/views", &[("authorization", &bearer)], body.as_bytes())
    };
    for number in 0..100 {
        assert_eq!(save(&number.to_string()).status, 200);
    }
    let full = save("more");
    assert_eq!((full.status, full.problem().as_str()), (409, "views_full"));
    assert_eq!(save("7").status, 200, "it is replaced");
    let delete = |name: &str| {
        let body = json!({"page": "events", "name": name}).to_string();
        server.post("/api/views/delete", &[("authorization", &bearer)], body.as_bytes()).json()
    };
    assert_eq!((delete("7")["deleted"] == true, delete("7")["deleted"] == true), (true, false));
    assert_eq!(save("more").status, 200);
}
