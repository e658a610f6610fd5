//! What intake accepts, and its answers.

use std::io::Write;

use crate::harness::{SECRET_KEY, Server, WRITE_KEY};

const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_form_of_body_is_accepted_and_the_answer_names_the_payload() {
    let (_dir, server) = server();
    for (body, events) in [
        (r#"[{"name":"a"},{"name":"b"}]"#, 2),
        (r#"{"name":"c"}"#, 1),
        (r#"{"v":1,"sent_at":1,"events":[{"name":"d"}]}"#, 1),
        ("[]", 0),
        (" \n[ ]\t", 0),
    ] {
        let reply = server.send(body);
        assert_eq!(reply.status, 200, "{reply:?}");
        let json = reply.json();
        assert_eq!(json["status"], "OK");
        assert_eq!(json["events"], events);
        assert!(
            uuid::Uuid::try_parse(json["payload"].as_str().unwrap()).unwrap().get_version_num()
                == 7
        );
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("x-request-id").unwrap().len(), 32);
    }
    assert_eq!(server.settled()["stored"], 4);
}

#[test]
fn a_key_is_accepted_in_each_of_three_places() {
    let (_dir, server) = server();
    let json = ("content-type", "application/json; charset=utf-8");
    let basic =
        format!("Basic {}", data_encoding::BASE64.encode(format!("{WRITE_KEY}:").as_bytes()));
    for headers in [("authorization", format!("Bearer {WRITE_KEY}")), ("authorization", basic)] {
        let reply = server.post("/v1/events", &[json, (headers.0, &headers.1)], b"[]");
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    assert_eq!(server.post(&format!("/v1/events?x=1&key={WRITE_KEY}"), &[json], b"[]").status, 200);
}

#[test]
fn backends_send_to_v1_logs_with_a_secret_key() {
    let (_dir, server) = server();
    let headers =
        [("content-type", "application/json"), ("authorization", &*format!("Bearer {SECRET_KEY}"))];
    let body = br#"[{"name":"job failed","type":"critical"},{"name":"took","monitor":{"kind":"timer","value":3}}]"#;
    assert_eq!(server.post("/v1/logs", &headers, body).status, 200);
    server.settled();
    let critical = server.read("/api/events?type=critical").json();
    assert_eq!(critical["events"][0]["name"], "job failed");
    assert_eq!(critical["events"][0]["source"], "backend");
    assert_eq!(server.read("/api/events?type=monitor").json()["events"][0]["monitor"]["value"], 3);
}

fn brotli(text: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    brotli::CompressorWriter::new(&mut compressed, 4096, 5, 22).write_all(text).unwrap();
    compressed
}

#[test]
fn a_compressed_body_is_accepted_and_stored_compressed() {
    let (_dir, server) = server();
    let text = format!("[{}]", vec![r#"{"name":"a"}"#; 1000].join(","));
    let path = format!("/v1/events?key={WRITE_KEY}");
    let plain = ("content-type", "text/plain");
    for (header, is, body) in [
        (Some("gzip"), "gzip", gzip(text.as_bytes())),
        (Some("br"), "br", brotli(text.as_bytes())),
        (Some("zstd"), "zstd", zstd::stream::encode_all(text.as_bytes(), 3).unwrap()),
        // As pages send it, because the header would need a preflight request.
        (None, "gzip", gzip(text.as_bytes())),
    ] {
        let headers: Vec<_> =
            [plain].into_iter().chain(header.map(|it| ("content-encoding", it))).collect();
        let reply = server.post(&path, &headers, &body);
        assert_eq!((reply.status, &reply.json()["events"]), (200, &1000.into()), "{is}");
        server.settled();
        let page = server.read("/api/events?limit=1").json();
        let id = page["events"][0]["id"].as_str().unwrap().to_owned();
        let metadata = &server.read(&format!("/api/events/{id}")).json()["receipt"];
        assert_eq!((&metadata["encoding"], &metadata["events"]), (&is.into(), &1000.into()));
    }
    assert_eq!(server.settled()["stored"], 4000);
}

#[test]
fn a_body_of_the_largest_allowed_size_is_accepted() {
    let (_dir, server) = server();
    let event = format!(r#"{{"name":"a","properties":{{"x":"{}"}}}}"#, "y".repeat(32_000));
    let mut body = format!("[{}]", vec![event; 32].join(","));
    body.push_str(&" ".repeat(1024 * 1024 - body.len()));
    assert_eq!(server.send(&body).status, 200);
    assert_eq!(server.settled()["stored"], 32);
}

#[test]
fn an_invalid_event_does_not_fail_the_request() {
    let (_dir, server) = server();
    let body = format!(
        r#"[{{"name":""}},{{"name":"a","monitor":{{"kind":"gauge"}}}},{{"name":"b","producer":"{P}","seq":1,"ts":"x"}},{{"name":"c"}}]"#
    );
    assert_eq!(server.send(&body).status, 200);
    let totals = server.settled();
    assert_eq!(
        (&totals["invalid"], &totals["stored"], &totals["received"]),
        (&3.into(), &1.into(), &4.into())
    );
    let event = server.read(&format!("/api/events/{P}-1")).json();
    assert_eq!((&event["state"], &event["reason"]), (&"invalid".into(), &"ts_invalid".into()));
    assert_eq!(event["timeline"][2]["reason"], "ts_invalid");
}

#[test]
fn a_preflight_request_is_answered() {
    let (_dir, server) = server();
    for path in ["/v1/events", "/v1/logs"] {
        let reply = server.options(path);
        assert_eq!(reply.status, 204);
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("access-control-allow-methods"), Some("POST"));
        let allowed = reply.header("access-control-allow-headers").unwrap();
        assert_eq!(allowed, "Authorization, Content-Type, Content-Encoding, X-Request-Id");
        assert_eq!(reply.header("access-control-max-age"), Some("86400"));
        assert!(reply.header("access-control-expose-headers").unwrap().contains("Retry-After"));
    }
}

#[test]
fn an_event_that_is_sent_again_is_stored_once() {
    let (_dir, server) = server();
    let body = format!(r#"[{{"name":"a","producer":"{P}","seq":1}}]"#);
    for _ in 0..5 {
        assert_eq!(server.send(&body).status, 200);
    }
    let totals = server.settled();
    assert_eq!(
        (&totals["stored"], &totals["duplicates"], &totals["made"]),
        (&1.into(), &4.into(), &1.into())
    );
    let event = server.read(&format!("/api/events/{P}-1")).json();
    let states: Vec<&str> = event["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].as_str().unwrap())
        .collect();
    assert_eq!(states[..4], ["made", "received", "processed", "stored"]);
    assert_eq!(states[4..], ["duplicate"; 4]);
}
