//! The page of events as they are stored.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::visitor::Visitor;
use crate::harness::{Server, WRITE_KEY};

const BROWSER: &str = "Mozilla/5.0 (test)";

/// A browser that follows the stream of the page.
struct Follower {
    lines: BufReader<TcpStream>,
    last_id: String,
}

impl Follower {
    fn follow(visitor: &Visitor<'_>, address: &str, last_id: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(visitor.server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let last = last_id.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "GET {address} HTTP/1.1\r\nhost: {}\r\nuser-agent: {BROWSER}\r\ncookie: {}\r\n{last}\r\n",
            visitor.server.address(),
            visitor.cookie
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut follower = Self { lines: BufReader::new(stream), last_id: String::new() };
        let first = follower.line().unwrap();
        assert!(first.starts_with("HTTP/1.1 200"), "{first}");
        while !follower.line().unwrap().starts_with("retry:") {}
        follower
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).unwrap();
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// The kind and the data of the next message.
    fn next(&mut self) -> (String, String) {
        let (mut kind, begun) = (String::new(), crate::harness::now());
        loop {
            assert!(begun.elapsed() < Duration::from_secs(25), "no event arrives");
            let line = self.line().expect("the stream continues");
            if let Some(id) = line.strip_prefix("id: ") {
                id.clone_into(&mut self.last_id);
            } else if let Some(is) = line.strip_prefix("event: ") {
                is.clone_into(&mut kind);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (kind, data.to_owned());
            }
        }
    }

    fn names(&mut self, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| {
                let (kind, row) = self.next();
                assert_eq!(kind, "event");
                assert!(
                    row.starts_with("<tr data-row id=\"event-") && row.ends_with("</tr>"),
                    "{row}"
                );
                name(&row)
            })
            .collect()
    }
}

/// The name in a row.
fn name(row: &str) -> String {
    let cell = row.split("<td class=\"event-name\">").nth(1).unwrap();
    cell.split("<bdi>").nth(1).unwrap().split("</bdi>").next().unwrap().to_owned()
}

fn names(page: &str) -> Vec<String> {
    page.split("<tr data-row").skip(1).map(name).collect()
}

fn send(server: &Server, names: &[&str]) {
    let events: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    assert_eq!(server.send(&json!(events).to_string()).status, 200);
    server.settled();
}

/// The address of the stream that a page names.
fn stream(page: &str) -> String {
    let address = page.split("data-live=\"").nth(1).unwrap().split('"').next().unwrap();
    address.replace("&#38;", "&").replace("&amp;", "&")
}

/// A visitor of the server after it was started again, with the same cookie.
fn again<'a>(server: &'a Server, cookie: &str, before: &str) -> Visitor<'a> {
    let port = server.address().rsplit(':').next().unwrap();
    Visitor { server, cookie: cookie.replace(before, port) }
}

#[test]
fn the_stream_continues_the_page_without_a_hole_or_a_double_across_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    send(&server, &["a", "b"]);
    let visitor = Visitor::admin(&server);
    let page = visitor.page("/live");
    assert_eq!(names(&page), ["b", "a"]);
    let address = stream(&page);
    send(&server, &["c", "d", "e"]);
    let mut follower = Follower::follow(&visitor, &address, None);
    assert_eq!(follower.names(2), ["c", "d"], "in the middle of a request");
    let (last_id, cookie) = (follower.last_id.clone(), visitor.cookie.clone());
    send(&server, &["f"]);
    drop(follower);
    server.kill_9();
    let server = Server::serve(dir.path());
    send(&server, &["g"]);
    let visitor = again(&server, &cookie, &port);
    let mut follower = Follower::follow(&visitor, &address, Some(&last_id));
    assert_eq!(follower.names(3), ["e", "f", "g"]);
    send(&server, &["h"]);
    assert_eq!(follower.names(1), ["h"]);
    // A page whose browser gave up connects again with the last id in the address.
    let mut follower = Follower::follow(&visitor, &format!("/live/stream?after={last_id}"), None);
    assert_eq!(follower.names(4), ["e", "f", "g", "h"]);
}

#[test]
fn an_order_that_the_server_does_not_know_is_reported_as_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    send(&server, &["a"]);
    let visitor = Visitor::admin(&server);
    let mut follower = Follower::follow(&visitor, "/live/stream?after=999999.0", None);
    assert_eq!(follower.next().0, "gap");
    assert_eq!(follower.names(1), ["a"]);
}

#[test]
fn filters_hold_for_the_page_and_for_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    send(&server, &["a", "b"]);
    let visitor = Visitor::admin(&server);
    let page = visitor.page("/live?name=a");
    assert_eq!(names(&page), ["a"]);
    let mut follower = Follower::follow(&visitor, &stream(&page), None);
    send(&server, &["b", "a", "a"]);
    assert_eq!(follower.names(2), ["a", "a"]);
    let tidied = visitor.get("/live?name=a&type=&where=x%3D1");
    assert_eq!(tidied.header("location"), Some("/live?name=a&prop.x=1"));
    let wrong = visitor.get("/live?state=invalid");
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("unknown query parameter `state`"), "{}", wrong.text);
    let twin = visitor.get("/live?name=a&mine=true&format=json");
    assert_eq!(twin.header("location"), Some("/api/live?name=a&mine=true"));
}

#[test]
fn only_my_browser_shows_what_came_from_this_network_and_browser() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let visitor = Visitor::admin(&server);
    let send_as = |agent: &str, name: &str| {
        let path = format!("/v1/events?key={WRITE_KEY}");
        let headers = [("content-type", "text/plain"), ("user-agent", agent)];
        let body = json!([{"name": name}, {"name": name}]).to_string();
        assert_eq!(server.post(&path, &headers, body.as_bytes()).status, 200);
        server.settled();
    };
    send_as("other", "before");
    send_as(BROWSER, "own_before");
    let page =
        server.get("/live?mine=true", &[("cookie", &visitor.cookie), ("user-agent", BROWSER)]).text;
    assert_eq!(names(&page), ["own_before", "own_before"]);
    assert!(page.contains("127.0.0.0/24") && page.contains("Mozilla/5.0 (test)"), "{page}");
    let mut follower = Follower::follow(&visitor, &stream(&page), None);
    send_as("other", "theirs");
    send_as(BROWSER, "own");
    send_as("other", "theirs");
    send_as(BROWSER, "own_too");
    assert_eq!(follower.names(4), ["own", "own", "own_too", "own_too"]);
}

#[test]
fn a_hostile_event_is_one_message_and_only_text() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let visitor = Visitor::admin(&server);
    let mut follower = Follower::follow(&visitor, "/live/stream", None);
    let name = "x\r\n\r\nevent: gap\ndata: {}\n\n<script>alert(1)</script>\u{2028}\u{202e}";
    let body = format!(
        "[{{\"name\":{},\n\"properties\":{{\n\"a\":\"\\ud800\",\r\n\"b\":{}}}}},{{\"name\":\"next\"}}]",
        json!(name),
        json!(name)
    );
    assert_eq!(server.send(&body).status, 200);
    let (kind, row) = follower.next();
    assert_eq!(kind, "event");
    assert!(!row.contains("<script>") && !row.contains('\u{202e}'), "{row}");
    assert!(row.contains("x\\u{d}\\u{a}"), "{row}");
    assert_eq!(follower.names(1), ["next"]);
}

#[test]
fn the_page_needs_no_script_to_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let visitor = Visitor::admin(&server);
    assert!(visitor.page("/live").contains("No event matches yet"));
    let all: Vec<String> = (0..60).map(|number| format!("n{number}")).collect();
    send(&server, &all.iter().map(String::as_str).collect::<Vec<_>>());
    let page = visitor.page("/live?type=default");
    assert_eq!(names(&page).len(), 50);
    assert!(
        page.contains("<noscript>") && page.contains("href=\"/live?type=default\">Reload"),
        "{page}"
    );
    assert!(!page.contains(" onclick=") && !page.contains("<style") && !page.contains(" style="));
    let signed_out = server.get("/live/stream", &[]);
    assert_eq!(signed_out.status, 303);
}
