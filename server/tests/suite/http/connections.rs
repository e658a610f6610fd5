//! Connections when clients take all of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::bodies::answer;
use crate::harness::{ADMIN_TOKEN, Server, WRITE_KEY, command};

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// The real server with a limit on open files that allows it the smallest number of connections.
pub(super) fn with_64_connections(data: &Path, flags: &[&str]) -> Server {
    limited_to_64_connections(&command("serve", data), flags)
}

pub(super) fn limited_to_64_connections(inner: &Command, flags: &[&str]) -> Server {
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 320 && exec \"$0\" \"$@\""]).arg(inner.get_program());
    limited.args(inner.get_args()).args(flags).stdin(Stdio::null());
    limited.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Server::start(limited)
}

pub(super) const TRUSTED: [&str; 2] = ["--trusted-proxies", "127.0.0.1"];

fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address()).unwrap()
}

/// Begins to send an event, so that the connection is in use.
fn busy(server: &Server) -> TcpStream {
    let mut stream = connect(server);
    let head = format!(
        "POST /v1/events?key={WRITE_KEY} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n\
         content-length: 2\r\n\r\n["
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn answers(stream: &mut TcpStream, timeout: Duration) -> bool {
    stream.set_read_timeout(Some(timeout)).unwrap();
    stream.read(&mut [0; 12]).is_ok_and(|read| read > 0)
}

#[test]
fn a_connection_over_the_limit_waits_until_another_one_ends() {
    let dir = tempfile::tempdir().unwrap();
    let server = with_64_connections(dir.path(), &TRUSTED);
    let mut taken: Vec<TcpStream> = (0..64).map(|_| busy(&server)).collect();
    let mut late = connect(&server);
    late.write_all(HEALTH).unwrap();
    assert!(!answers(&mut late, Duration::from_millis(1_500)), "the limit is reached");
    drop(taken.pop());
    assert!(answers(&mut late, Duration::from_secs(5)), "another connection has ended");
}

#[test]
fn idle_connections_and_unfinished_heads_give_way_to_new_connections() {
    let dir = tempfile::tempdir().unwrap();
    let server = with_64_connections(dir.path(), &TRUSTED);
    let mut idle: Vec<TcpStream> = (0..64).map(|_| connect(&server)).collect();
    for (at, stream) in idle.iter_mut().enumerate() {
        match at % 3 {
            0 => {
                stream.write_all(HEALTH).unwrap();
                assert!(answer(stream).0.starts_with("HTTP/1.1 200 "));
            }
            1 => stream.write_all(b"POST /v1/events HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap(),
            _ => {}
        }
    }
    std::thread::sleep(Duration::from_millis(1_200));
    for number in 0..20 {
        let mut new = connect(&server);
        new.write_all(HEALTH).unwrap();
        assert!(answer(&mut new).0.starts_with("HTTP/1.1 200 "), "connection {number}");
    }
}

#[test]
fn connections_that_never_send_their_body_keep_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let server = with_64_connections(dir.path(), &TRUSTED);
    let mut open = Vec::new();
    for number in 0..300 {
        let mut stream = connect(&server);
        let head = b"POST /api/query HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n";
        stream.write_all(head).unwrap();
        assert!(answer(&mut stream).0.starts_with("HTTP/1.1 401 "), "connection {number}");
        open.push(stream);
    }
}

#[test]
fn a_live_view_does_not_give_way() {
    let dir = tempfile::tempdir().unwrap();
    let server = with_64_connections(dir.path(), &TRUSTED);
    let mut live = connect(&server);
    let head =
        format!("GET /api/live HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\r\n");
    live.write_all(head.as_bytes()).unwrap();
    let mut text = String::new();
    live.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut read = |text: &mut String, end: &str| {
        while !text.contains(end) {
            let mut part = [0; 4096];
            let read = live.read(&mut part).unwrap();
            assert!(read > 0, "it was closed after {text}");
            text.push_str(&String::from_utf8_lossy(&part[..read]));
        }
    };
    read(&mut text, "retry: ");
    std::thread::sleep(Duration::from_millis(1_200));
    let idle: Vec<TcpStream> = (0..100).map(|_| connect(&server)).collect();
    assert_eq!(server.send(r#"[{"name":"seen"}]"#).status, 200);
    read(&mut text, "seen");
    drop(idle);
}

#[test]
fn an_address_that_uses_all_of_its_connections_is_told_so_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let server = with_64_connections(dir.path(), &[]);
    let in_use: Vec<TcpStream> = (0..48).map(|_| busy(&server)).collect();
    let mut refused = connect(&server);
    refused.write_all(HEALTH).unwrap();
    let (head, text) = answer(&mut refused);
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    assert!(head.contains("retry-after: 1") && head.contains("application/problem+json"), "{head}");
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["code"], "too_many_connections");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("127.0.0.1 uses all 48"), "{detail}");
    drop(in_use);
    // The server may not have noticed at once that they ended.
    assert!((0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        server.get("/healthz", &[]).status == 200
    }));
    let log = server.stop_with_log();
    assert_eq!(log.matches("--trusted-proxies").count(), 1, "{log}");
}
