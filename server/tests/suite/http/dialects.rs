//! HTTP as other programs speak it, and requests whose form is wrong, over raw sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::answers::gzip;
use crate::harness::{ADMIN_TOKEN, Server, WRITE_KEY, now};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

/// What the server answers to a head and a body, until it closes the connection.
fn answer(server: &Server, head: &[&str], body: &str) -> String {
    server.raw(format!("{}\r\n\r\n{body}", head.join("\r\n")).as_bytes())
}

#[test]
fn old_names_other_cases_and_a_trailing_slash_are_understood() {
    let (_dir, server) = server();
    let body = gzip(br#"[{"name":"a"}]"#);
    for (path, kind, encoding) in [
        ("/v1/events", "application/json; charset=utf-8", "x-gzip"),
        ("/v1/events/", "APPLICATION/JSON", "GZIP"),
        ("/v1/events/", "text/plain;charset=UTF-8", "identity, x-gzip"),
        ("/v1/events", "application/vnd.shop+json", "gzip"),
    ] {
        let headers = [("content-type", kind), ("content-encoding", encoding)];
        let reply = server.post(&format!("{path}?key={WRITE_KEY}"), &headers, &body);
        assert_eq!(reply.status, 200, "{path} {kind} {encoding}: {reply:?}");
    }
    assert_eq!(server.settled()["stored"], 4);
    let reply = server.post("/v1/logs/", &[("content-type", "application/json")], b"[]");
    assert_eq!(reply.problem(), "key_missing", "it is an address of intake");
}

#[test]
fn http_1_0_without_a_host_is_understood() {
    let (_dir, server) = server();
    let post = format!("POST /v1/events?key={WRITE_KEY} HTTP/1.0");
    let said = answer(&server, &[&post, "content-type: text/plain", "content-length: 2"], "[]");
    assert!(said.starts_with("HTTP/1.0 200 OK"), "{said}");
    let said = answer(&server, &["GET /readyz HTTP/1.0"], "");
    assert!(said.starts_with("HTTP/1.0 200 OK") && said.ends_with("ready"), "{said}");
}

#[test]
fn head_answers_as_get_without_a_body() {
    let (_dir, server) = server();
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    for path in ["/login", "/healthz", "/readyz", "/api/totals", "/api/events"] {
        let headers = [("authorization", &*bearer)];
        let reply = server.call("HEAD", path, &headers, b"");
        assert_eq!((reply.status, reply.text.as_str()), (200, ""), "{path}");
        let length = server.get(path, &headers).text.len().to_string();
        assert_eq!(reply.header("content-length"), Some(&*length), "{path}");
    }
}

#[test]
fn a_client_that_waits_for_100_continue_sends_only_what_is_accepted() {
    let (_dir, server) = server();
    let ask = |key: &str, bytes: usize| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
        let head = format!(
            "POST /v1/events?key={key} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n\
             expect: 100-continue\r\ncontent-length: {bytes}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut said = [0; 4096];
        let read = stream.read(&mut said).unwrap();
        (stream, String::from_utf8_lossy(&said[..read]).into_owned())
    };
    let (mut stream, said) = ask(WRITE_KEY, 2);
    assert_eq!(said, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"[]").unwrap();
    let mut said = [0; 15];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 200 OK");
    let (_, said) = ask("wk_nobody", 2_000);
    assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
    let (_, said) = ask(WRITE_KEY, 2 << 20);
    assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
}

#[test]
fn a_request_without_exactly_one_valid_host_is_400() {
    let (_dir, server) = server();
    let post = format!("POST /v1/events?key={WRITE_KEY} HTTP/1.1");
    let plain = ["content-type: text/plain", "content-length: 2"];
    for hosts in [
        &[][..],
        &["host: a.example", "host: a.example"],
        &["host: a.example", "host: b.example"],
        &["host: a.example, b.example"],
        &["host: a.example/"],
        &["host: user@a.example"],
        &["host: a b"],
    ] {
        let said = answer(&server, &[&[&*post], &plain[..], hosts].concat(), "[]");
        assert!(said.starts_with("HTTP/1.1 400 "), "{hosts:?}: {said}");
        assert!(said.contains("host_invalid") && said.contains("connection: close"), "{said}");
    }
    assert_eq!(server.totals()["received"], 0);
}

#[test]
fn a_body_of_unclear_length_is_400_and_the_connection_ends() {
    let (_dir, server) = server();
    let post = format!("POST /v1/events?key={WRITE_KEY} HTTP/1.1");
    let plain = ["host: x", "content-type: text/plain"];
    for lengths in [
        &["content-length: 2", "content-length: 3"][..],
        &["content-length: 2, 3"],
        &["content-length: +2"],
        &["content-length: -2"],
        &["content-length: 0x2"],
        &["content-length: two"],
        &["content-length: 99999999999999999999999"],
        &["transfer-encoding: gzip"],
        &["transfer-encoding: chunked, gzip"],
        &["transfer-encoding: identity"],
        &["transfer-encoding : chunked"],
        &["content-length : 2"],
    ] {
        let said = answer(&server, &[&[&*post], &plain[..], lengths].concat(), "[]");
        assert!(said.starts_with("HTTP/1.1 400 "), "{lengths:?}: {said}");
    }
    let said =
        answer(&server, &["POST /v1/events HTTP/1.0", "transfer-encoding: chunked"], "0\r\n\r\n");
    assert!(said.starts_with("HTTP/1.0 400 ") || said.starts_with("HTTP/1.1 400 "), "{said}");
    // With both, the length is that of the chunks, and what follows is not another request.
    let smuggled = "2\r\n[]\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    for both in [
        ["content-length: 4", "transfer-encoding: chunked"],
        ["transfer-encoding: chunked", "content-length: 4"],
    ] {
        let said = answer(&server, &[&[&*post], &plain[..], &both].concat(), smuggled);
        assert_eq!(said.matches("HTTP/1.1").count(), 1, "{said}");
    }
    assert_eq!(server.totals()["received"], 0);
}

#[test]
fn an_idle_connection_outlives_the_60_seconds_that_proxies_keep_it() {
    let (_dir, server) = server();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let mut ask = || {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut said = [0; 15];
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"HTTP/1.1 200 OK");
        let mut rest = [0; 4096];
        let mut text = String::new();
        while !text.ends_with("ok") {
            let read = stream.read(&mut rest).unwrap();
            assert!(read > 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&rest[..read]));
        }
    };
    ask();
    let begun = now();
    std::thread::sleep(Duration::from_secs(77));
    assert!(begun.elapsed() > Duration::from_secs(75));
    ask();
}
