//! What a page of another origin may send, and that it can read every answer.

use crate::harness::{Reply, Server, WRITE_KEY, command};

const ASKED: &str = "access-control-request-headers";
const USUAL: &str = "Authorization, Content-Type, Content-Encoding, X-Request-Id";

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

fn preflight(server: &Server, path: &str, headers: &[(&str, &str)]) -> Reply {
    let page = [("origin", "https://shop.example"), ("access-control-request-method", "POST")];
    let reply = server.call("OPTIONS", path, &[&page, headers].concat(), b"");
    assert_eq!(reply.status, 204, "{reply:?}");
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-methods"), Some("POST"));
    reply
}

#[test]
fn a_page_may_add_any_header_that_its_preflight_request_asks_for() {
    let (_dir, server) = server();
    let allowed = |asked: &str| {
        let reply = preflight(&server, "/v1/events", &[(ASKED, asked)]);
        reply.header("access-control-allow-headers").unwrap().to_owned()
    };
    assert_eq!(
        allowed("baggage,content-type,sentry-trace,traceparent"),
        format!("{USUAL}, baggage, sentry-trace, traceparent")
    );
    assert_eq!(allowed("X-Datadog-Trace-Id"), format!("{USUAL}, x-datadog-trace-id"));
    assert_eq!(allowed("content-type"), USUAL);
    assert_eq!(allowed("not a name, <b>"), USUAL);
    let many: Vec<String> = (0..1_500).map(|n| format!("x-{n}")).collect();
    assert!(allowed(&many.join(",")).len() < 5_000, "the answer is bounded");
    let reply = preflight(&server, "/v1/events", &[(ASKED, "traceparent")]);
    assert!(reply.header("vary").unwrap().contains("Access-Control-Request-Headers"));
    let sent = server.post(
        &format!("/v1/events?key={WRITE_KEY}"),
        &[("content-type", "text/plain"), ("traceparent", "00-1-2-01"), ("baggage", "a=b")],
        br#"[{"name":"a"}]"#,
    );
    assert_eq!(sent.status, 200, "{sent:?}");
}

#[test]
fn a_page_of_the_internet_may_send_to_a_server_on_a_private_network() {
    let (_dir, server) = server();
    let allowed = |headers: &[(&str, &str)]| {
        let reply = preflight(&server, "/v1/events", headers);
        reply.header("access-control-allow-private-network").map(str::to_owned)
    };
    let asked = ("access-control-request-private-network", "true");
    assert_eq!(allowed(&[asked]).as_deref(), Some("true"));
    assert_eq!(allowed(&[]), None, "only who asks gets an answer");
}

/// Every refusal in `refusals.rs` is checked to be readable, too.
#[test]
fn a_page_can_read_a_404_a_405_and_a_503() {
    let (_dir, server) = server();
    let readable = |reply: &Reply| {
        let exposed = reply.header("access-control-expose-headers");
        assert_eq!(exposed, Some("Retry-After, X-Request-Id, Lamplight-Partial"), "{reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    };
    for path in ["/v1/evnts", "/v1/events/a/b", "/v1/"] {
        let asked = [(ASKED, "traceparent")];
        preflight(&server, path, &asked);
        let reply = server.post(path, &[], b"[]");
        assert_eq!((reply.status, reply.problem().as_str()), (404, "not_found"), "{path}");
        readable(&reply);
    }
    let reply = server.get("/v1/events", &[]);
    assert_eq!((reply.status, reply.problem().as_str()), (405, "method_not_allowed"));
    readable(&reply);
    let dir = tempfile::tempdir().unwrap();
    let mut full = command("serve", dir.path());
    full.args(["--disk-floor-mib", "4294967295"]);
    let server = Server::start(full);
    let begun = crate::harness::now();
    while server.get("/readyz", &[]).status != 503 {
        assert!(begun.elapsed().as_secs() < 10);
    }
    let reply = server.send("[]");
    assert_eq!(reply.status, 503);
    assert!(reply.header("retry-after").is_some());
    readable(&reply);
}
