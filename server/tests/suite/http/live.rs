//! The live view: a stream that misses no event, even across a restart.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{ADMIN_TOKEN, Server};

/// A client of the live view.
pub(crate) struct Follower {
    lines: BufReader<TcpStream>,
    pub(crate) last_id: String,
}

impl Follower {
    pub(crate) fn follow(server: &Server, query: &str, last_id: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let last = last_id.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "GET /api/live?{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n{last}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut follower = Self { lines: BufReader::new(stream), last_id: String::new() };
        let first = follower.line().unwrap();
        assert!(first.starts_with("HTTP/1.1 200"), "{first}");
        while !follower.line().unwrap().starts_with("retry:") {}
        follower
    }

    /// The next line, or `None` at the end of the stream.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).unwrap();
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// The kind and data of the next message, or `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<(String, Value)> {
        let (mut kind, begun) = (String::new(), crate::harness::now());
        loop {
            // Keep-alives alone must not keep a test waiting without end.
            assert!(begun.elapsed() < Duration::from_secs(25), "no event arrives");
            let line = self.line()?;
            if let Some(id) = line.strip_prefix("id: ") {
                id.clone_into(&mut self.last_id);
            } else if let Some(is) = line.strip_prefix("event: ") {
                is.clone_into(&mut kind);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((kind, serde_json::from_str(data).unwrap()));
            }
        }
    }

    fn names(&mut self, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| {
                let (kind, data) = self.next().expect("the stream continues");
                assert_eq!(kind, "event");
                data["name"].as_str().unwrap().to_owned()
            })
            .collect()
    }
}

fn send(server: &Server, names: &[&str]) {
    let events: Vec<String> = names
        .iter()
        .map(|name| format!(r#"{{"name":"{name}",{}"properties":{{}}}}"#, "\n"))
        .collect();
    assert_eq!(server.send(&format!("[{}]", events.join(","))).status, 200);
}

#[test]
fn stored_events_arrive_at_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    send(&server, &["before"]);
    server.settled();
    let mut all = Follower::follow(&server, "", None);
    let mut some = Follower::follow(&server, "name=c", None);
    send(&server, &["a", "b", "c"]);
    send(&server, &["d", "c"]);
    let mut seen = all.names(5);
    seen.sort();
    assert_eq!(seen, ["a", "b", "c", "c", "d"]);
    assert_eq!(some.names(2), ["c", "c"]);
}

#[test]
fn a_client_that_reconnects_misses_nothing_even_across_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut follower = Follower::follow(&server, "", None);
    send(&server, &["a", "b", "c"]);
    assert_eq!(follower.names(2), ["a", "b"]);
    let last_id = follower.last_id.clone();
    drop(follower);
    send(&server, &["d"]);
    server.settled();
    server.kill_9();
    let server = Server::serve(dir.path());
    send(&server, &["e"]);
    server.settled();
    let mut follower = Follower::follow(&server, "", Some(&last_id));
    assert_eq!(follower.names(3), ["c", "d", "e"]);
    let mut follower = Follower::follow(&server, &format!("after={last_id}"), None);
    assert_eq!(follower.names(3), ["c", "d", "e"]);
}

#[test]
fn an_unknown_position_is_reported_as_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    send(&server, &["a"]);
    server.settled();
    let mut follower = Follower::follow(&server, "", Some("999999.0"));
    assert_eq!(follower.next().unwrap().0, "gap");
    assert_eq!(follower.names(1), ["a"], "everything that is still known follows");
}

#[test]
fn a_shutdown_ends_every_stream_without_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut followers: Vec<Follower> =
        (0..5).map(|_| Follower::follow(&server, "", None)).collect();
    let begun = crate::harness::now();
    assert_eq!(server.stop(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    for follower in &mut followers {
        assert!(follower.next().is_none());
    }
}

#[test]
fn at_most_64_streams_of_one_token_are_open_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let followers: Vec<Follower> = (0..64).map(|_| Follower::follow(&server, "", None)).collect();
    let refused = server.read("/api/live");
    assert_eq!((refused.status, refused.problem().as_str()), (503, "busy"));
    let after_s: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&after_s), "{refused:?}");
    drop(followers);
    let begun = crate::harness::now();
    let is_accepted = |server: &Server| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        write!(
            stream,
            "GET /api/live HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\r\n"
        )
        .unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.contains(" 200 ")
    };
    while !is_accepted(&server) {
        assert!(begun.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(50));
    }
}
