//! HTTP/2: the same guarantees as with HTTP/1.1, and clients that try to break them, frame by
//! frame.

use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, StatusCode};

#[cfg(unix)]
use super::connections::with_64_connections;
use super::frames::*;
use crate::harness::{ADMIN_TOKEN, Server, WRITE_KEY, ending, now};

fn served() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

/// A client that keeps to the protocol.
async fn client(server: &Server) -> SendRequest<Bytes> {
    let stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    client
}

/// The status and the text of an answer.
async fn call(
    client: &SendRequest<Bytes>,
    request: Request<()>,
    body: &str,
) -> (StatusCode, String) {
    let mut client = client.clone().ready().await.unwrap();
    let (answer, mut sending) = client.send_request(request, body.is_empty()).unwrap();
    if !body.is_empty() {
        sending.send_data(Bytes::from(body.to_owned()), true).unwrap();
    }
    let answer = answer.await.unwrap();
    let (status, mut received) = (answer.status(), answer.into_body());
    let mut text = Vec::new();
    while let Some(data) = received.data().await {
        let data = data.unwrap();
        received.flow_control().release_capacity(data.len()).unwrap();
        text.extend_from_slice(&data);
    }
    (status, String::from_utf8(text).unwrap())
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("http://localhost{path}")).body(()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_a_time_are_answered_on_one_connection() {
    let (_dir, server) = served();
    let client = client(&server).await;
    let path = format!("/v1/events?key={WRITE_KEY}");
    let calls = (0..60).map(|number| {
        let (client, path) = (client.clone(), path.clone());
        tokio::spawn(async move {
            let url = format!("http://localhost{path}");
            let request = Request::post(url).header("content-type", "text/plain").body(()).unwrap();
            let text = "n".repeat(number * 40);
            let body = format!("[{{\"name\":\"e\",\"properties\":{{\"text\":\"{text}\"}}}}]");
            call(&client, request, &body).await
        })
    });
    for called in calls.collect::<Vec<_>>() {
        let (status, text) = called.await.unwrap();
        assert_eq!(status, 200, "{text}");
    }
    let (status, text) = call(&client, get("/api/totals"), "").await;
    assert_eq!(status, 401);
    assert!(text.contains("urn:lamplight:problem:"), "{text}");
    assert_eq!(call(&client, get("/nothing"), "").await.0, 404);
    let mut read = get("/api/events?limit=500");
    let token = format!("Bearer {ADMIN_TOKEN}").parse().unwrap();
    read.headers_mut().insert("authorization", token);
    let begun = now();
    loop {
        let mut again = get("/api/events?limit=500");
        again.headers_mut().clone_from(read.headers());
        let (status, text) = call(&client, again, "").await;
        assert_eq!(status, 200);
        // Larger than the window of a stream.
        let events: serde_json::Value = serde_json::from_str(&text).unwrap();
        if events["events"].as_array().unwrap().len() == 60 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_refused_too_large_or_too_slow_ends_only_its_own_request() {
    let (_dir, server) = served();
    let client = client(&server).await;
    let url = format!("http://localhost/v1/events?key={WRITE_KEY}");
    let begin = |length: &str| {
        let request = Request::post(url.as_str()).header("content-type", "text/plain");
        request.header("content-length", length).body(()).unwrap()
    };
    let mut sender = client.clone().ready().await.unwrap();
    let (slow, mut slow_body) = sender.send_request(begin("10000"), false).unwrap();
    slow_body.send_data(Bytes::from_static(b"["), false).unwrap();
    let mut sender = client.clone().ready().await.unwrap();
    let (large, _large_body) = sender.send_request(begin("99999999"), false).unwrap();
    assert_eq!(large.await.unwrap().status(), 413);
    let refused = Request::post("http://localhost/v1/events?key=wk_unknown").body(()).unwrap();
    assert_eq!(call(&client, refused, &"x".repeat(200_000)).await.0, 401);
    let slow = slow.await.unwrap();
    assert_eq!(slow.status(), 408);
    assert!(!slow.headers().contains_key("connection"), "there is no such header");
    assert_eq!(call(&client, get("/healthz"), "").await.0, 200, "the connection goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_the_authority_and_the_demo_checks_it() {
    let (_dir, server) = served();
    let client_of = client(&server).await;
    let mut two = get("/healthz");
    two.headers_mut().insert("host", "evil.example".parse().unwrap());
    let (status, text) = call(&client_of, two, "").await;
    assert_eq!(status, 400);
    assert!(text.contains("host_invalid"), "{text}");
    let dir = tempfile::tempdir().unwrap();
    let demo = Server::demo(dir.path());
    let client_of_demo = client(&demo).await;
    assert_eq!(call(&client_of_demo, get("/demo/config.json"), "").await.0, 200);
    let rebound = Request::get("http://evil.example/demo/config.json").body(()).unwrap();
    assert_eq!(call(&client_of_demo, rebound, "").await.0, 421);
}

#[test]
fn a_client_has_at_most_100_requests_at_a_time_on_a_connection() {
    let (_dir, server) = served();
    let mut frames = Frames::connect(&server, &[]);
    let path = format!("/v1/events?key={WRITE_KEY}");
    // The limit holds once the client has seen it.
    assert!(frames.is_alive());
    frames.write(SETTINGS, 1, 0, &[]);
    let ids: Vec<u32> = (0..130).map(|_| frames.begin("POST", &path, END_HEADERS)).collect();
    frames.write(PING, 0, 0, b"all sent");
    let mut refused = Vec::new();
    while let Some(frame) = frames.read() {
        if frame.kind == RESET {
            assert_eq!(frame.payload, REFUSED_STREAM.to_be_bytes());
            refused.push(frame.id);
        }
        if frame.kind == PING && frame.payload == b"all sent" {
            break;
        }
    }
    assert_eq!(refused, ids[100..]);
}

// It lowers the limit on open files, which Windows does not have.
#[cfg(unix)]
#[test]
fn requests_of_one_connection_count_for_their_address_like_connections() {
    let dir = tempfile::tempdir().unwrap();
    let server = with_64_connections(dir.path(), &[]);
    let mut frames = Frames::connect(&server, &[]);
    let path = format!("/v1/events?key={WRITE_KEY}");
    let ids: Vec<u32> = (0..60).map(|_| frames.begin("POST", &path, END_HEADERS)).collect();
    // Of 64 places, this address has 48. The connection is one of them, with its first request.
    let mut refused = Vec::new();
    while refused.len() < 12 {
        let frame = frames.read().unwrap();
        if frame.kind == DATA {
            let text = String::from_utf8_lossy(&frame.payload).into_owned();
            assert!(text.contains("too_many_connections"), "{text}");
            assert!(text.contains("uses all 48"), "{text}");
            refused.push(frame.id);
        }
    }
    refused.sort_unstable();
    assert_eq!(refused, ids[48..]);
    let said = server.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(said.starts_with("HTTP/1.1 429 "), "{said}");
    drop(frames);
    let begun = now();
    while server.get("/healthz", &[]).status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn floods_of_frames_that_are_no_request_are_cut_off() {
    let (_dir, server) = served();
    let update = 1_u32.to_be_bytes();
    for (name, kind, on_stream, payload) in [
        ("pings", PING, false, &[0; 8][..]),
        ("settings", SETTINGS, false, &[]),
        ("priorities", PRIORITY, true, &[0, 0, 0, 0, 1]),
        ("window updates", WINDOW_UPDATE, false, &update),
        ("window updates of a stream", WINDOW_UPDATE, true, &update),
        ("empty data", DATA, true, &[]),
        ("data in single bytes", DATA, true, b"["),
        ("unknown frames", 77, false, &[]),
    ] {
        let mut frames = Frames::connect(&server, &[]);
        let path = format!("/v1/events?key={WRITE_KEY}");
        let id = frames.begin("POST", &path, END_HEADERS);
        assert!(frames.is_alive());
        let id = if on_stream { id } else { 0 };
        // Some of them are in order, and far more are not. Of data in small frames, only few may
        // wait for the server at a time.
        for _ in 0..if kind == DATA { 50 } else { 500 } {
            frames.write(kind, 0, id, payload);
        }
        assert!(frames.is_alive(), "{name}: these are too few");
        for _ in 0..10_000 {
            if frames.try_write(kind, 0, id, payload).is_err() {
                break;
            }
        }
        frames.ends();
    }
    assert_eq!(server.get("/healthz", &[]).status, 200);
}

#[test]
fn requests_that_are_cancelled_at_once_are_cut_off() {
    let (_dir, server) = served();
    let mut frames = Frames::connect(&server, &[]);
    let mut cancelled = 0;
    // Each is seen by the server before it is cancelled (CVE-2023-44487).
    while cancelled < 1_000 {
        let id = frames.begin("POST", "/v1/events", END_HEADERS);
        if !frames.is_alive() || frames.try_write(RESET, 0, id, &8_u32.to_be_bytes()).is_err() {
            break;
        }
        cancelled += 1;
    }
    assert!((100..1_000).contains(&cancelled), "{cancelled}");
    assert_eq!(server.get("/healthz", &[]).status, 200);
}

#[test]
fn a_head_without_an_end_and_one_that_is_too_large_are_refused() {
    let (_dir, server) = served();
    // CONTINUATION frames without an end (VU#421644).
    let mut frames = Frames::connect(&server, &[]);
    frames.begin("GET", "/healthz", END_STREAM);
    let more = field("x-more", &"y".repeat(100)).repeat(10);
    let sent = (0..5_000).take_while(|_| frames.try_write(CONTINUATION, 0, 1, &more).is_ok());
    let _ = sent.count();
    frames.ends();

    // A head of 40 KiB, as a whole.
    let mut frames = Frames::connect(&server, &[]);
    let large = [head("GET", "/healthz"), field("x-more", &"y".repeat(100)).repeat(375)].concat();
    let (first, rest) = large.split_at(16_000);
    frames.write(HEADERS, END_STREAM, 1, first);
    let (second, third) = rest.split_at(16_000);
    frames.write(CONTINUATION, 0, 1, second);
    frames.write(CONTINUATION, END_HEADERS, 1, third);
    let answer = std::iter::from_fn(|| frames.read()).find(|frame| frame.kind == HEADERS).unwrap();
    // `:status: 431`, as a literal with the name's index 8.
    let has_431 = answer.payload.windows(3).any(|it| it == b"431") || answer.payload[0] == 0x48;
    assert!(has_431 && frames.is_alive(), "{answer:?}");

    // A small head that names one large field of the table again and again.
    let mut frames = Frames::connect(&server, &[]);
    let indexed = [&[0x40, 6][..], b"x-bomb", &[0x7f, 0xa1, 0x1e], &[b'y'; 4_000]].concat();
    let bomb = [head("GET", "/healthz"), indexed, vec![0xbe; 10_000]].concat();
    frames.write(HEADERS, END_STREAM | END_HEADERS, 1, &bomb);
    frames.ends();
    assert_eq!(server.get("/healthz", &[]).status, 200);
}

#[test]
fn an_answer_that_is_never_read_ends_its_connection() {
    let (_dir, server) = served();
    // A window of zero bytes for every answer.
    let mut frames = Frames::connect(&server, &[0, 4, 0, 0, 0, 0]);
    let stalled = frames.begin("GET", "/login", END_STREAM | END_HEADERS);
    let begun = now();
    // The other requests are answered, and its client reads them.
    while frames.is_alive() {
        assert!(begun.elapsed() < Duration::from_secs(50), "stream {stalled} is still open");
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(begun.elapsed() >= Duration::from_secs(25), "it has some time");
}

#[test]
fn a_stop_says_which_requests_were_received_and_ends_streams() {
    let (_dir, server) = served();
    let mut frames = Frames::connect(&server, &[]);
    let id = frames.next_id;
    frames.next_id += 2;
    let token = field("authorization", &format!("Bearer {ADMIN_TOKEN}"));
    let live = [head("GET", "/api/live"), token].concat();
    frames.write(HEADERS, END_STREAM | END_HEADERS, id, &live);
    let mut text = String::new();
    while !text.contains("retry: ") {
        let frame = frames.read().unwrap();
        if frame.kind == DATA {
            text.push_str(&String::from_utf8_lossy(&frame.payload));
        }
    }
    ending::ask_to_stop(server.pid());
    let (mut goaways, mut is_ended) = (Vec::new(), false);
    while let Some(frame) = frames.read() {
        match frame.kind {
            GOAWAY => goaways.push(frame.payload),
            PING => frames.try_write(PING, 1, 0, &frame.payload).unwrap_or_default(),
            DATA if frame.id == id => is_ended = true,
            _ => {}
        }
    }
    assert!(is_ended, "the stream has an end");
    let last = goaways.last().expect("a GOAWAY");
    assert_eq!(last[..8], [id.to_be_bytes(), [0; 4]].concat(), "the last request, and no error");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn http_1_on_the_same_port_is_as_it_was() {
    let (_dir, server) = served();
    let close = "Connection: close\r\n\r\n";
    for (request, status) in [
        (format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{close}"), "200"),
        // The beginning of HTTP/2's preface, and no more of it.
        (format!("PRI /healthz HTTP/1.1\r\nHost: x\r\n{close}"), "405"),
        (format!("PRI * HTTP/1.1\r\nHost: x\r\n{close}"), "4"),
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".into(), "4"),
    ] {
        let said = server.raw(request.as_bytes());
        let begin = format!("HTTP/1.1 {status}");
        assert!(said.starts_with(&begin), "{request}: {said}");
    }
}
