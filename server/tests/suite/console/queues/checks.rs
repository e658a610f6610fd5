//! Checks of credentials, against local services of each kind.

use std::net::{TcpListener, UdpSocket};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::service::{SECRET, Service, hook, serve};
use crate::console::visitor::Visitor;
use crate::harness::{ADMIN_TOKEN, Server};

/// Checks a sink over the API. Returns the result and its explanation.
fn check(server: &Server, sink: &str) -> (String, String) {
    let token = format!("Bearer {ADMIN_TOKEN}");
    let path = format!("/api/sinks/{sink}/check");
    let reply = server.post(&path, &[("authorization", &token)], b"");
    assert_eq!(reply.status, 200, "{reply:?}");
    let json = reply.json();
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    (text("result"), text("detail"))
}

#[track_caller]
fn assert_check(server: &Server, sink: &str, result: &str, part: &str) {
    let (found, detail) = check(server, sink);
    assert_eq!(found, result, "{detail}");
    assert!(detail.contains(part), "{detail}");
    assert!(!detail.contains("hidden-part") && !detail.contains("token-of-it"), "{detail}");
}

fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_webhook_gets_a_signed_test_delivery_without_events() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(204, "");
    let sinks = [("hook", hook(service.port)), ("down", hook(closed_port()))];
    let server = serve(dir.path(), &sinks);
    assert_check(&server, "hook", "works", "204");
    let request = service.requests().remove(0);
    assert_eq!(request.body, br#"{"events":[],"test":true}"#);
    let (id, time) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    assert!(id.starts_with("msg_test_"), "{id}");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(&request.body);
    let signature = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
    assert_eq!(request.header("webhook-signature"), signature);
    for (status, part) in [
        (401, "credentials are wrong"),
        (403, "credentials are wrong"),
        (302, "redirects are not followed"),
        (404, "the address is wrong"),
        (400, "does not accept the request"),
        (500, "does not accept the request"),
    ] {
        service.answer(status, "wrong: /hook/hidden-part");
        assert_check(&server, "hook", "fails", part);
        assert_check(&server, "hook", "fails", &format!("HTTP {status}: wrong: /hook/(hidden)"));
    }
    assert_check(&server, "down", "fails", "nothing answers at the address");
    let totals = server.totals();
    let counts =
        ["waiting", "sent", "dead", "dropped"].map(|it| totals["sinks"]["hook"][it].clone());
    assert_eq!(counts, [0, 0, 0, 0].map(serde_json::Value::from), "nothing was delivered");
    let sink = server.read("/api/queues").json()["sinks"].clone();
    let sink = sink.as_array().unwrap().iter().find(|it| it["name"] == "hook").unwrap().clone();
    assert_eq!(sink["state"], "running", "a check changes no state");
    assert_eq!(sink["answers"]["2xx"], 1);
    assert_eq!((&sink["answers"]["4xx"], &sink["answers"]["5xx"]), (&8.into(), &2.into()));
}

#[test]
fn mixpanel_is_asked_to_import_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(200, r#"{"code":200,"num_records_imported":0,"status":"OK"}"#);
    let table = format!(
        "kind = 'mixpanel'\ntoken = 'token-of-it'\nurl = 'http://127.0.0.1:{}'",
        service.port
    );
    let server = serve(dir.path(), &[("mp", table)]);
    assert_check(&server, "mp", "works", "accepts the credentials");
    let request = service.requests().remove(0);
    assert!(request.head.starts_with("POST /import?strict=1 "), "{}", request.head);
    let authorization = format!("Basic {}", BASE64.encode(b"token-of-it:"));
    assert_eq!(request.header("authorization"), authorization);
    let mut body = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*request.body), &mut body)
        .unwrap();
    assert_eq!(body, "[]");
    service.answer(400, r#"{"code":400,"error":"no events","status":"Bad Request"}"#);
    assert_check(&server, "mp", "works", "400");
    service.answer(401, r#"{"code":401,"error":"Invalid credentials token-of-it"}"#);
    assert_check(&server, "mp", "fails", "credentials are wrong");
    service.answer(200, "<html>sign in to this network</html>");
    assert_check(&server, "mp", "fails", "not Mixpanel");
    service.answer(400, "<html>no</html>");
    assert_check(&server, "mp", "fails", "does not accept");
}

#[test]
fn a_file_and_an_agent_are_tried_without_an_event() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = std::os::unix::net::UnixDatagram::bind(path("agent.sock")).unwrap();
    std::fs::create_dir(path("folder.ndjson")).unwrap();
    let file = |name: &str| format!("kind = 'file'\npath = '{}'", path(name));
    let sinks = [
        ("archive", file("events.ndjson")),
        ("folder", file("folder.ndjson")),
        ("udp", format!("kind = 'datadog'\naddress = '{}'", agent.local_addr().unwrap())),
        ("closed", format!("kind = 'datadog'\naddress = '{closed}'")),
        ("unix", format!("kind = 'datadog'\nsocket = '{}'", path("agent.sock"))),
        ("gone", format!("kind = 'datadog'\nsocket = '{}'", path("no.sock"))),
    ];
    let server = serve(dir.path(), &sinks);
    assert_check(&server, "archive", "works", "can be opened for writing");
    assert_eq!(std::fs::read(path("events.ndjson")).unwrap(), b"");
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!left.iter().any(|it| it.to_string_lossy().ends_with(".check")), "{left:?}");
    assert_check(&server, "folder", "fails", "cannot be written");
    assert_check(&server, "udp", "unconfirmed", "UDP has no answers");
    assert_check(&server, "closed", "fails", "start the agent");
    assert_check(&server, "unix", "works", "accepts datagrams");
    assert_check(&server, "gone", "fails", "start the agent");
    agent.set_nonblocking(true).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut bytes = [0; 64];
    assert_eq!(agent.recv(&mut bytes).unwrap(), 0, "an empty datagram");
    assert_eq!(socket.recv(&mut bytes).unwrap(), 0);
    let token = format!("Bearer {ADMIN_TOKEN}");
    let reply = server.post("/api/sinks/nobody/check", &[("authorization", &token)], b"");
    assert_eq!(reply.problem(), "not_found");
}

#[test]
fn a_check_from_the_page_shows_its_result_and_hides_what_is_hostile() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(401, "<script>alert(1)</script>\u{202e} /hook/hidden-part");
    let server = serve(dir.path(), &[("hook", hook(service.port))]);
    let visitor = Visitor::admin(&server);
    let done = visitor.submit("/queues/check", "sink=hook");
    assert_eq!(
        (done.status, done.header("location")),
        (303, Some("/queues?done=checked&sink=hook"))
    );
    let page = visitor.page("/queues?done=checked&sink=hook");
    assert!(page.contains("Checked <bdi>hook</bdi>."), "{page}");
    assert!(page.contains("<span class=\"state bad\">Check: Fails</span>"), "{page}");
    assert!(page.contains("0 2xx, 1 4xx, 0 5xx"), "{page}");
    assert!(!page.contains("<script>alert") && !page.contains("hidden-part"), "{page}");
    assert!(page.contains("\\u{202e}"), "{page}");
    service.answer(200, "");
    visitor.submit("/queues/check", "sink=hook");
    assert!(visitor.page("/queues").contains("<span class=\"state good\">Check: Works</span>"));
    assert_eq!(visitor.submit("/queues/check", "sink=nobody").status, 404);
    assert_eq!(visitor.submit("/queues/check", "").status, 400);
}
