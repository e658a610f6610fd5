//! Odd paths, queries, methods, bodies and heads: whatever is refused, on every route and from
//! every layer, gets a problem document, and nothing of it is the server's own fault.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use lamplight_server::router;
use serde_json::Value;

use super::bodies::{answer, ask};
use crate::harness::described::{self, Seen};
use crate::harness::{ADMIN_TOKEN, Server, WRITE_KEY};

const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "odd"];
/// What is put in the place of a path's variable part.
const PARTS: [&str; 7] = ["%ff", "%00", "a%00b", "%", "x", "%c0%af", "..%2f..%2fx"];
const QUERIES: [&str; 17] = [
    "prop.a%00=1",
    "prop.%00=1",
    "prop.a=%00",
    "prop.a=%22%00%22",
    "prop.%ff=%ff",
    "name=%00",
    "user=%00&source=%00",
    "producer=%00",
    "cursor=%00",
    "tz=%00",
    "from=%00&to=%00",
    "on=%ff",
    "by=%00",
    "by=prop.a%00",
    "verdict=%00&state=%00",
    "after=%00",
    "limit=99999999999999999999",
];
const BODIES: [&str; 16] = [
    "",
    "null",
    "[]",
    "{",
    "\u{1}",
    "{\"sql\":\"select '\\u0000'\"}",
    "{\"sql\":\"\\u0000\"}",
    "{\"sql\":7}",
    "{\"kind\":\"write\",\"source\":\"a\\u0000b\"}",
    "{\"kind\":\"write\",\"source\":\"a\",\"origins\":[\"https://a\\u0000.example\"]}",
    "{\"sink\":\"\\u0000\",\"event\":\"\\u0000\",\"reason\":\"\\u0000\"}",
    "{\"from\":1e400}",
    "{\"from\":99999999999999999999}",
    "{\"from\":-9223372036854775808,\"to\":9223372036854775807}",
    "{\"mode\":\"\\u0000\"}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// The paths of all routes, with a place `{}` for their variable part, if they have one.
fn paths() -> Vec<String> {
    let api = router::api_routes();
    let mut paths: Vec<String> =
        api.list().iter().map(|it| it.path.replace("{id}", "{}").replace("{name}", "{}")).collect();
    paths.extend(
        [
            "/",
            "/healthz",
            "/readyz",
            "/lamplight.js",
            "/v1/events",
            "/v1/logs/",
            "/v1/{}",
            "/api/{}",
            "/{}",
            "//",
            "/demo/{}",
            "/demo/faults",
            "/demo/config.json",
        ]
        .map(str::to_owned),
    );
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// Checks that an answer, if it is an error, is the client's and a problem document. Returns its
/// status.
fn check(what: &str, method: &str, (head, body): &(String, String)) -> u16 {
    let status = head.split(' ').nth(1).unwrap_or_else(|| panic!("{what}: no answer"));
    let status: u16 = status.parse().unwrap();
    if status >= 400 {
        // 501: this binary was built without the script.
        let is_told = status < 500 || status == 501 || head.contains("retry-after");
        assert!(is_told, "{what}: {head}\n{body}");
        assert!(head.contains("content-type: application/problem+json"), "{what}: {head}\n{body}");
        if method != "HEAD" {
            let problem: Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem["status"], status, "{what}");
            let code = problem["code"].as_str().unwrap();
            assert_eq!(problem["type"], format!("urn:lamplight:problem:{code}"), "{what}");
            assert!(problem["detail"].as_str().unwrap().len() > 20, "{what}: {body}");
        }
    }
    status
}

/// Sends a request, on the connection of the last one if that is still open.
struct Client<'a> {
    server: &'a Server,
    token: &'a str,
    stream: Option<TcpStream>,
}

impl Client<'_> {
    fn check(&mut self, method: &str, target: &str, body: &str) -> u16 {
        let what = format!("{method} {target} {body}");
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        let mut stream = self
            .stream
            .take()
            .unwrap_or_else(|| TcpStream::connect(self.server.address()).unwrap());
        stream.write_all(request.as_bytes()).unwrap();
        let is_streamed = ["/api/live", "/api/export"].iter().any(|it| target.starts_with(it));
        let answer = if method == "HEAD" || is_streamed {
            answer_head(&mut stream)
        } else {
            answer(&mut stream)
        };
        let closes = answer.0.contains("connection: close") || method == "HEAD";
        self.stream = (!closes && !is_streamed).then_some(stream);
        let status = check(&what, method, &answer);
        if !self.server.is_demo() {
            let (head, body) = &answer;
            let content_type = head.split("\r\n").find_map(|it| it.strip_prefix("content-type: "));
            // Only the head of a streamed answer was read.
            let body = if is_streamed && status < 400 { "" } else { body };
            described::check(Seen { method, target, status, content_type, body });
        }
        status
    }
}

/// Reads the head of an answer, and the part of the body that came with it.
fn answer_head(stream: &mut TcpStream) -> (String, String) {
    use std::io::Read;

    stream.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
    let (mut text, mut part) = (String::new(), [0; 4096]);
    while !text.contains("\r\n\r\n") {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(read) => text.push_str(&String::from_utf8_lossy(&part[..read])),
        }
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), body.to_owned())
}

fn server_with_events(server: &Server) {
    let events = r#"[{"name":"a","properties":{"a":"x","b":{"c":1}}},{"name":1}]"#;
    assert_eq!(server.send(events).status, 200);
    server.settled();
}

#[test]
fn every_error_of_every_route_is_a_problem_document() {
    for is_demo in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let server = if is_demo { Server::demo(dir.path()) } else { Server::serve(dir.path()) };
        if !is_demo {
            server_with_events(&server);
        }
        let mut client = Client { server: &server, token: ADMIN_TOKEN, stream: None };
        let (mut count, mut refused) = (0, 0);
        for path in paths() {
            for part in if path.contains("{}") { &PARTS[..] } else { &[""] } {
                let path = path.replace("{}", part);
                for method in METHODS {
                    count += 1;
                    refused += u32::from(client.check(method, &path, "") >= 400);
                }
            }
            for query in QUERIES {
                client.check("GET", &format!("{}?{query}", path.replace("{}", "x")), "");
            }
            if !path.contains("clock") {
                for body in BODIES {
                    client.check("POST", &path.replace("{}", "x"), body);
                    client.check("PATCH", &path.replace("{}", "x"), body);
                }
            }
        }
        assert!(count > 500 && refused > 300, "{count} {refused}");
        for target in ["*", "http://localhost/api/nothing", "localhost:80", "/%zz", "/?%", "/a?=&&"]
        {
            for method in METHODS {
                client.check(method, target, "");
            }
        }
        let path = format!("/api/events/{}", "x".repeat(20_000));
        client.check("GET", &path, "");
    }
}

#[test]
fn a_head_that_cannot_be_read_gets_a_problem_document() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let with = |header: &str| format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{header}\r\n\r\n");
    let many: Vec<String> = (0..101).map(|number| format!("x{number}: a")).collect();
    for (request, status, code) in [
        ("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), 400, "request_invalid"),
        ("GET  /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 400, "request_invalid"),
        ("GET /healthz HTTP/1.9\r\nhost: x\r\n\r\n".to_owned(), 400, "request_invalid"),
        (with("x: a\0b"), 400, "request_invalid"),
        (with("x: a\r\n b"), 400, "request_invalid"),
        (with("x : a"), 400, "request_invalid"),
        (with("content-length: -1"), 400, "request_invalid"),
        (with("content-length: +2"), 400, "request_invalid"),
        (with("content-length: 2, 2"), 400, "request_invalid"),
        (with("content-length: 2\r\ncontent-length: 3"), 400, "request_invalid"),
        (with("transfer-encoding: identity"), 400, "request_invalid"),
        (with("transfer-encoding: chunked, gzip"), 400, "request_invalid"),
        (with(&many.join("\r\n")), 431, "headers_too_large"),
        (with(&format!("x: {}", "a".repeat(60_000))), 431, "headers_too_large"),
        (with("host: y"), 400, "host_invalid"),
        ("GET /healthz HTTP/1.1\r\n\r\n".to_owned(), 400, "host_invalid"),
    ] {
        let (_, head, body) = ask(&server, request.as_bytes());
        let what = &request[..request.len().min(80)];
        assert_eq!(check(what, "GET", &(head, body.clone())), status, "{what}");
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["code"], code, "{what}");
    }
    // The answers before it stay whole.
    let twice = [with("x: y"), with("x : a")].concat();
    let (mut stream, head, body) = ask(&server, twice.as_bytes());
    assert!(head.starts_with("HTTP/1.1 200 ") && body.starts_with("ok"), "{head}{body}");
    if body == "ok" {
        assert!(answer(&mut stream).0.starts_with("HTTP/1.1 400 "));
    }
}

#[test]
fn a_body_whose_length_is_not_clear_is_refused_and_stores_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let post = |lengths: &str| {
        format!(
            "POST /v1/events?key={WRITE_KEY} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n\
             {lengths}\r\n\r\n10\r\n[{{\"name\": \"aa\"}}]\r\n0\r\n\r\n"
        )
    };
    let unclear = [
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: gzip\r\ntransfer-encoding: chunked",
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "TRANSFER-ENCODING: chunked\r\nx: y\r\nContent-Length: 28",
    ];
    for lengths in unclear {
        let (_, head, body) = ask(&server, post(lengths).as_bytes());
        assert!(head.starts_with("HTTP/1.1 400 "), "{lengths}: {head}");
        assert!(head.contains("connection: close"), "{lengths}: {head}");
        assert!(body.contains("body_length_unclear"), "{lengths}: {body}");
    }
    let pipelined = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n{}",
        post("content-length: 5\r\ntransfer-encoding: chunked")
    );
    let answers = server.raw(pipelined.as_bytes());
    assert!(answers.contains("503 ") && answers.contains("request_pipelined"), "{answers}");
    assert_eq!(server.totals()["received"], 0);
    let mut kept = TcpStream::connect(server.address()).unwrap();
    for number in 0..3 {
        kept.write_all(post("transfer-encoding: chunked").as_bytes()).unwrap();
        let (head, body) = answer(&mut kept);
        assert!(head.starts_with("HTTP/1.1 200 "), "request {number}: {head}{body}");
    }
    assert_eq!(server.settled()["received"], 3);
}
