//! Every way in which intake refuses a request. A refused request changes nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::answers::gzip;
use crate::harness::{ADMIN_TOKEN, Reply, SECRET_KEY, Server, WRITE_KEY};

/// Sends a request, and checks that it is refused, changed nothing, and that a page can read why.
fn refused(refuse: impl FnOnce(&Server) -> Reply, status: u16, code: &str) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let before = totals_of_events(&server);
    let reply = refuse(&server);
    assert_eq!((reply.status, reply.problem().as_str()), (status, code), "{reply:?}");
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert!(reply.header("x-request-id").is_some());
    assert_eq!(totals_of_events(&server), before, "a refusal changes nothing");
    assert_eq!(server.totals()["refused"]["by_code"], serde_json::json!({ code: 1 }));
}

/// The totals without the counts of refused requests.
fn totals_of_events(server: &Server) -> serde_json::Value {
    let mut totals = server.totals();
    totals.as_object_mut().unwrap().remove("refused").unwrap();
    totals
}

fn post(headers: &[(&str, &str)], body: &[u8]) -> impl FnOnce(&Server) -> Reply {
    move |server| server.post(&format!("/v1/events?key={WRITE_KEY}"), headers, body)
}

fn text(body: &str) -> impl FnOnce(&Server) -> Reply {
    move |server| server.send(body)
}

const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

#[test]
fn a_missing_key_is_401() {
    for path in ["/v1/events", "/v1/logs", "/v1/events?key="] {
        refused(|server| server.post(path, &[JSON], b"[]"), 401, "key_missing");
    }
}

#[test]
fn an_unknown_key_is_401_and_is_not_shown_whole() {
    let send = |server: &Server| {
        let reply = server.post("/v1/events?key=wk_nobody", &[JSON], b"[]");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("unknown or deleted key `wk_nob…`: "), "{detail}");
        reply
    };
    refused(send, 401, "key_unknown");
}

#[test]
fn a_key_of_another_kind_is_403() {
    for (path, key) in [
        ("/v1/events", SECRET_KEY),
        ("/v1/events", ADMIN_TOKEN),
        ("/v1/logs", WRITE_KEY),
        ("/v1/logs", ADMIN_TOKEN),
    ] {
        let send = |server: &Server| server.post(&format!("{path}?key={key}"), &[JSON], b"[]");
        refused(send, 403, "key_wrong_kind");
    }
}

#[test]
fn an_unsupported_or_missing_content_type_is_415() {
    for kind in ["application/x-www-form-urlencoded", "application/jsonp", "text/html", ""] {
        refused(post(&[("content-type", kind)], b"[]"), 415, "content_type_unsupported");
    }
}

#[test]
fn a_415_names_what_came_and_what_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let path = format!("/v1/events?key={WRITE_KEY}");
    for (name, value, accepted) in [
        ("content-type", "application/xml", "application/json"),
        ("content-type", "multipart/form-data; boundary=x", "text/plain"),
        ("content-encoding", "deflate", "gzip, br or zstd"),
    ] {
        let mut headers = vec![(name, value)];
        if name != "content-type" {
            headers.push(JSON);
        }
        let detail = server.post(&path, &headers, b"[]").json()["detail"].to_string();
        assert!(detail.contains(&format!("`{value}`")) && detail.contains(accepted), "{detail}");
    }
    let detail = server.post(&path, &[], b"[]").json()["detail"].to_string();
    assert!(detail.contains("missing Content-Type: send application/json"), "{detail}");
}

#[test]
fn refusals_are_counted_by_code_and_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    for _ in 0..3 {
        server.post("/v1/events?key=wk_nobody", &[JSON], b"[]");
    }
    server.post("/v1/events", &[JSON], b"[]");
    server.post(&format!("/v1/events?key={WRITE_KEY}"), &[JSON], b"{");
    server.get("/api/nothing", &[]);
    let refused = server.totals()["refused"].clone();
    let by_code = serde_json::json!({ "body_not_json": 1, "key_missing": 1, "key_unknown": 3 });
    assert_eq!(refused["by_code"], by_code);
    let by_key = refused["by_key"].as_object().unwrap();
    assert_eq!((by_key.len(), &by_key["unknown"], &by_key["none"]), (3, &3.into(), &1.into()));
    assert!(by_key.keys().any(|key| key.starts_with("wk_")), "{refused}");
    assert!(refused["since"].as_i64().unwrap() > 1_700_000_000_000);
}

#[test]
fn an_unsupported_content_encoding_is_415() {
    for encoding in ["deflate", "compress", "gzip, gzip", "br;q=1"] {
        let headers = [JSON, ("content-encoding", encoding)];
        refused(post(&headers, b"[]"), 415, "content_encoding_unsupported");
    }
}

#[test]
fn a_body_that_is_not_json_is_400() {
    for body in ["", " ", "{", "[1,]", "[{\"name\":\"a\"}", "nonsense", "[] []"] {
        refused(text(body), 400, "body_not_json");
    }
    refused(post(&[JSON], b"[{\"name\":\"\xff\"}]"), 400, "body_not_json");
}

#[test]
fn json_of_another_shape_is_400() {
    for body in ["1", "null", "\"a\"", "[1]", "[[]]", "{}", "{\"events\":1}", "{\"events\":[1]}"] {
        refused(text(body), 400, "body_not_events");
    }
    refused(
        text(&format!("[{{\"name\":\"a\",\"properties\":{}}}]", "[".repeat(100))),
        400,
        "body_not_events",
    );
}

#[test]
fn a_body_that_cannot_be_decompressed_is_400() {
    refused(post(&[JSON, GZIP], b"[]"), 400, "body_not_decompressible");
    let mut incomplete = gzip(b"[{\"name\":\"a\"}]");
    incomplete.truncate(incomplete.len() - 9);
    refused(post(&[JSON, GZIP], &incomplete), 400, "body_not_decompressible");
    for encoding in ["br", "zstd"] {
        let headers = [JSON, ("content-encoding", encoding)];
        refused(post(&headers, b"[]"), 400, "body_not_decompressible");
    }
    refused(post(&[JSON], b"\x1f\x8b[]"), 400, "body_not_decompressible");
}

#[test]
fn a_body_over_1_mib_is_413_and_the_client_can_read_the_answer() {
    let large = vec![b' '; 1024 * 1024 + 1];
    refused(post(&[JSON], &large), 413, "body_too_large");
    refused(post(&[JSON], &vec![b' '; 5 << 20]), 413, "body_too_large");
}

#[test]
fn a_body_over_1_mib_without_a_content_length_is_413() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut request = format!(
        "POST /v1/events?key={WRITE_KEY} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for _ in 0..20 {
        request.extend(format!("{:x}\r\n", 64 * 1024).bytes());
        request.extend(vec![b' '; 64 * 1024]);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    let answer = server.raw(&request);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("body_too_large"), "{answer}");
}

#[test]
fn a_body_over_8_mib_after_decompression_is_413() {
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100_000);
    refused(post(&[JSON, GZIP], &bomb), 413, "body_too_large_decompressed");
    let bomb = zstd::stream::encode_all(&vec![b' '; 64 << 20][..], 1).unwrap();
    refused(post(&[JSON, ("content-encoding", "zstd")], &bomb), 413, "body_too_large_decompressed");
}

#[test]
fn more_than_1000_producers_are_400() {
    let producers: Vec<String> = (0..100_000).map(|at| format!("\"{at:026}\":{{}}")).collect();
    let body =
        gzip(format!("{{\"producers\":{{{}}},\"events\":[]}}", producers.join(",")).as_bytes());
    refused(post(&[JSON, GZIP], &body), 400, "body_not_events");
}

#[test]
fn more_than_1000_events_are_413() {
    let body = format!("[{}]", vec!["{}"; 1001].join(","));
    refused(text(&body), 413, "too_many_events");
}

#[test]
fn an_unsupported_method_is_405_and_an_unknown_address_404() {
    let get = |server: &Server| {
        let reply = server.get("/v1/events", &[]);
        assert_eq!(reply.header("allow"), Some("POST,OPTIONS"));
        reply
    };
    refused(get, 405, "method_not_allowed");
    refused(|server| server.post("/v1/nothing", &[JSON], b"[]"), 404, "not_found");
}

#[test]
fn a_body_that_stops_arriving_is_408_after_10_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let request = format!(
        "POST /v1/events?key={WRITE_KEY} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\n["
    );
    let answer = server.raw(request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("body_timeout"), "{answer}");
    assert_eq!(server.totals()["received"], 0);
}

#[test]
fn a_head_that_stops_arriving_ends_the_connection_after_30_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let begun = crate::harness::now();
    let answer = server.raw(b"POST /v1/events HTTP/1.1\r\nhost: x\r\nx-slow: ");
    assert!(!answer.contains("200 OK"), "{answer}");
    assert!((29..38).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn a_head_that_is_too_large_is_431() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let head =
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(64 << 10));
    let answer = server.raw(head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn a_client_that_disconnects_within_its_body_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /v1/events?key={WRITE_KEY} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\n[]"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(server.settled()["received"], 0);
}
