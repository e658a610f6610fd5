//! Request bodies that never end, that nobody wants, or that are too large, on every route.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use lamplight_server::router;

use crate::harness::{ADMIN_TOKEN, SECRET_KEY, Server, WRITE_KEY, now};

/// How long an answer may take that waits for nothing. The test's machine may be slow, but nothing
/// here ends by itself in this time: a body is waited for 10 s, and discarded for 5 s.
const AT_ONCE: Duration = Duration::from_secs(4);

/// Sends bytes on a new connection, and returns the head and the body of the answer. The connection
/// stays open.
pub(super) fn ask(server: &Server, request: &[u8]) -> (TcpStream, String, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(request).unwrap();
    let (head, body) = answer(&mut stream);
    (stream, head, body)
}

/// Reads one answer. Both parts are empty if none comes.
pub(super) fn answer(stream: &mut TcpStream) -> (String, String) {
    answer_within(stream, AT_ONCE)
}

fn answer_within(stream: &mut TcpStream, timeout: Duration) -> (String, String) {
    stream.set_read_timeout(Some(timeout)).unwrap();
    let mut bytes = Vec::new();
    let mut part = [0; 16 * 1024];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase();
            let length = length.split("content-length: ").nth(1).unwrap_or("0");
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if body.len() >= length {
                return (head.to_owned(), body.to_owned());
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return (text, String::new()),
            Ok(read) => bytes.extend(&part[..read]),
        }
    }
}

/// Whether the server closes a connection within this time.
fn closes(stream: &mut TcpStream, timeout: Duration) -> bool {
    let begun = now();
    stream.set_read_timeout(Some(timeout)).unwrap();
    while begun.elapsed() < timeout {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
    false
}

/// Each method and path of the server, without credentials, and the status without a body.
fn refused_routes() -> Vec<(String, String)> {
    let api = router::api_routes();
    let api = api.list().iter().filter(|route| route.path != "/api/live").map(|route| {
        let path = route.path.replace("{id}", "x").replace("{name}", "x");
        (route.method.to_string(), path)
    });
    let others = [
        ("POST", "/v1/events"),
        ("POST", "/v1/logs/"),
        ("POST", "/v1/events?key=wk_nobody"),
        ("POST", "/v1/events?validate=7"),
        ("OPTIONS", "/v1/events"),
        ("OPTIONS", "/v1/nowhere"),
        ("GET", "/v1/events"),
        ("DELETE", "/api/keys"),
        ("POST", "/nowhere"),
        ("GET", "/nowhere"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("HEAD", "/healthz"),
        ("GET", "/"),
        ("GET", "/lamplight.js"),
    ];
    let others = others.map(|(method, path)| (method.to_owned(), path.to_owned()));
    api.chain(others).collect()
}

#[test]
fn no_answer_waits_for_a_body_without_valid_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    for (method, path) in refused_routes() {
        for (length, closes) in [
            ("content-length: 60000", false),
            ("content-length: 900000", true),
            ("transfer-encoding: chunked", true),
            ("content-length: 60000\r\nexpect: 100-continue", true),
        ] {
            let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{length}\r\n\r\n");
            let (_, head, _) = ask(&server, request.as_bytes());
            assert!(head.starts_with("HTTP/1.1 "), "{method} {path} {length}: no answer");
            assert!(!head.contains(" 100 "), "nothing asks for the body: {head}");
            let is_said = head.to_ascii_lowercase().contains("connection: close");
            assert_eq!(is_said, closes, "{method} {path} {length}: {head}");
        }
    }
}

#[test]
fn a_connection_whose_body_never_comes_is_closed_after_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut open: Vec<TcpStream> = Vec::new();
    for length in ["content-length: 60000", "content-length: 900000", "transfer-encoding: chunked"]
    {
        for _ in 0..20 {
            let request = format!("POST /api/query HTTP/1.1\r\nhost: x\r\n{length}\r\n\r\n");
            let (stream, head, _) = ask(&server, request.as_bytes());
            assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
            open.push(stream);
        }
    }
    for mut stream in open {
        assert!(closes(&mut stream, Duration::from_secs(8)));
    }
}

#[test]
fn a_chunked_body_without_an_end_that_nobody_wants_is_read_within_limits() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let head = "POST /api/keys HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let (mut stream, answer, _) = ask(&server, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    let mut sent = 0;
    while stream.write_all(&chunk).is_ok() {
        sent += chunk.len();
        assert!(sent < 64 << 20, "it reads everything");
    }
}

#[test]
fn a_body_of_the_api_that_stops_arriving_is_408_whatever_the_route() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    // Not all at once, because a token has six places for changes.
    for length in ["content-length: 1000", "transfer-encoding: chunked"] {
        let mut open = Vec::new();
        for (method, path) in [
            ("POST", "/api/query"),
            ("POST", "/api/keys"),
            ("PATCH", "/api/keys/x"),
            ("POST", "/api/replay"),
            ("POST", "/api/deliveries/retry"),
        ] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\
                 {length}\r\n\r\n1\r\n"
            );
            let mut stream = TcpStream::connect(server.address()).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            open.push((path, stream));
        }
        std::thread::sleep(Duration::from_secs(9));
        for (path, mut stream) in open {
            let (head, body) = answer_within(&mut stream, Duration::from_secs(20));
            assert!(head.starts_with("HTTP/1.1 408 "), "{path}: {head}");
            assert!(body.contains("body_timeout"), "{body}");
            assert!(closes(&mut stream, AT_ONCE), "{path}");
        }
    }
}

#[test]
fn a_body_over_64_kib_for_the_api_is_413_and_names_both_sizes() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let refused = server.post("/api/query", &[("authorization", &bearer)], &vec![b' '; 65_537]);
    assert_eq!((refused.status, refused.problem().as_str()), (413, "body_too_large"));
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("65536 bytes (Content-Length is 65537)"), "{detail}");
}

#[test]
fn trailers_and_bodies_in_many_pieces_are_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut request = format!(
        "POST /v1/events?key={WRITE_KEY} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    for byte in r#"[{"name":"a"}]"#.chars() {
        request.extend(["1;x=y\r\n", &byte.to_string(), "\r\n"]);
    }
    request.push_str("0\r\nx-checksum: 7\r\n\r\n");
    let (mut stream, head, body) = ask(&server, request.as_bytes());
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}{body}");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert!(answer(&mut stream).0.starts_with("HTTP/1.1 200 "), "the connection stays usable");
}

/// Begins an upload of nearly 1 MiB and stops one byte before its end.
fn stall(server: &Server, address: &str) -> TcpStream {
    const BYTES: usize = 1 << 20;
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /v1/events?key={WRITE_KEY} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n\
         x-forwarded-for: {address}\r\ncontent-length: {BYTES}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A refused one is not read to its end.
    let _ = stream.write_all(&vec![b' '; BYTES - 1]);
    stream
}

fn send_from(server: &Server, address: &str, path: &str, body: &[u8]) -> u16 {
    let headers = [("content-type", "text/plain"), ("x-forwarded-for", address)];
    server.post(path, &headers, body).status
}

#[test]
fn stalled_uploads_of_one_address_refuse_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = crate::harness::command("serve", dir.path());
    command.args(["--trusted-proxies", "127.0.0.1"]);
    let server = Server::start(command);
    let stalled: Vec<TcpStream> = (0..70).map(|_| stall(&server, "203.0.113.9")).collect();
    let refused = stalled.iter().filter(|&(mut stream)| {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        stream.read(&mut [0; 12]).is_ok_and(|read| read > 0)
    });
    let refused = refused.count();
    let large = [b"[".as_slice(), &vec![b' '; 900_000], b"]"].concat();
    let path = format!("/v1/events?key={WRITE_KEY}");
    assert_eq!(send_from(&server, "198.51.100.7", &path, &large), 200, "another address");
    assert_eq!(send_from(&server, "198.51.100.7", &path, b"[]"), 200);
    assert_eq!(send_from(&server, "203.0.113.9", &path, b"[]"), 200, "small, from the reserve");
    let secret = format!("/v1/logs?key={SECRET_KEY}");
    assert_eq!(send_from(&server, "198.51.100.8", &secret, &large), 200, "another key");
    assert!((50..=58).contains(&refused), "{refused} of 70 are refused, 16 MiB are held");
}

#[test]
fn an_upload_that_stalls_before_its_end_is_ended_after_10_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut stream = stall(&server, "203.0.113.9");
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_timeout"), "{answer}");
}

#[test]
fn a_proxy_on_this_machine_that_is_not_trusted_is_named_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let path = format!("/v1/events?key={WRITE_KEY}");
    for _ in 0..3 {
        assert_eq!(send_from(&server, "203.0.113.9", &path, b"[]"), 200);
    }
    let log = server.stop_with_log();
    assert_eq!(log.matches("--trusted-proxies").count(), 1, "{log}");
}
