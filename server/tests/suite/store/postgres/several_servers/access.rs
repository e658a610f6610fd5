//! Keys, sessions and live views of several servers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Shared, wait_for};
use crate::console::visitor::Visitor;
use crate::harness::postgres::TestDatabase;
use crate::harness::{ADMIN_TOKEN, Server, now};

/// How long others may take to follow.
const SECONDS: Duration = Duration::from_secs(7);

fn send(server: &Server, key: &str) -> u16 {
    let body = r#"{"v":1,"events":[{"name":"a","id":"1"}]}"#;
    let path = format!("/v1/events?key={key}");
    server.post(&path, &[("content-type", "text/plain")], body.as_bytes()).status
}

fn admin(server: &Server, method: &str, path: &str, body: &str) -> serde_json::Value {
    let token = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let reply = server.call(method, path, &headers, body.as_bytes());
    assert!(reply.status < 300, "{reply:?}");
    reply.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_one_server_makes_or_disables_counts_at_all() {
    let database = TestDatabase::create().await;
    let (one, two) = (Shared::start(&database), Shared::start(&database));
    let (one, two) = (&one.server, &two.server);
    let made = admin(one, "POST", "/api/keys", r#"{"kind":"write","source":"shop"}"#);
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!(send(one, key), 200);
    wait_for("the key is valid at the other", SECONDS, || send(two, key) == 200);
    let path = format!("/api/keys/{id}");
    admin(two, "PATCH", &path, r#"{"disabled":true}"#);
    assert_eq!(send(two, key), 403);
    wait_for("it is disabled at the first", SECONDS, || send(one, key) == 403);
    admin(one, "PATCH", &path, r#"{"disabled":false}"#);
    wait_for("it is valid again", SECONDS, || send(two, key) == 200);
    admin(one, "PATCH", &path, r#"{"origins":["https://a.example"]}"#);
    wait_for("its rules count at the other", SECONDS, || send(two, key) == 403);
}

/// Someone with the cookie of another server. Its name has the port that browsers know: behind a
/// load balancer that is the same, and here it is that of each server.
fn elsewhere<'a>(cookie: &str, server: &'a Server) -> Visitor<'a> {
    let (_, secret) = cookie.split_once('=').unwrap();
    let (_, port) = server.address().rsplit_once(':').unwrap();
    Visitor { server, cookie: format!("lamplight_session_{port}={secret}") }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_at_one_server_is_signed_in_at_all_until_they_sign_out() {
    let database = TestDatabase::create().await;
    let (one, two) = (Shared::start(&database), Shared::start(&database));
    for _ in 0..3 {
        let at_one = Visitor::admin(&one.server);
        let at_two = elsewhere(&at_one.cookie, &two.server);
        // The very next request, as behind a load balancer.
        at_two.page("/overview");
        assert_eq!(at_two.get("/api/totals").status, 200);
        at_one.page("/overview");
        let out = at_two.submit("/logout", "");
        assert_eq!((out.status, at_two.get("/overview").status), (303, 303));
        wait_for("signed out at both", SECONDS, || at_one.get("/overview").status == 303);
    }
    let begun = now();
    for guess in 0..10 {
        let visitor = elsewhere(&format!("made up={guess:064x}"), &two.server);
        assert_eq!(visitor.get("/overview").status, 303);
    }
    assert!(begun.elapsed() < SECONDS, "made-up cookies are refused without delay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_view_shows_what_another_server_took() {
    let database = TestDatabase::create().await;
    let (one, two) = (Shared::start(&database), Shared::start(&database));
    let mut view = TcpStream::connect(two.server.address()).unwrap();
    let ask = format!(
        "GET /api/live HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\r\n",
        two.server.address()
    );
    view.write_all(ask.as_bytes()).unwrap();
    view.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (mut shown, mut buffer) = (String::new(), [0; 4096]);
    let mut wait_until_shown = |text: &str, max: Duration| {
        let begun = now();
        while !shown.contains(text) {
            assert!(begun.elapsed() < max, "{text} is not shown: {shown}");
            if let Ok(count) = view.read(&mut buffer) {
                shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        }
        begun.elapsed()
    };
    wait_until_shown("retry:", SECONDS);
    let mut delays: Vec<_> = (0..5)
        .map(|number| {
            let body =
                format!(r#"{{"v":1,"events":[{{"name":"seen_{number}","id":"{number}"}}]}}"#);
            assert_eq!(one.server.send(&body).status, 200);
            wait_until_shown(&format!("seen_{number}"), SECONDS)
        })
        .collect();
    delays.sort();
    assert!(delays[2] < Duration::from_secs(1), "{delays:?}");
}
