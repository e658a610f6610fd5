//! The demo, and that `serve` has none of it.

use serde_json::{Value, json};

use crate::harness::{Server, WRITE_KEY, now};

fn demo() -> (tempfile::TempDir, Server, Value) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::demo(dir.path());
    let config = server.get("/demo/config.json", &[]).json();
    (dir, server, config)
}

fn set_fault(server: &Server, token: &str, fault: &Value) -> u16 {
    let headers = [("authorization", &*format!("Bearer {token}"))];
    server.post("/demo/faults", &headers, fault.to_string().as_bytes()).status
}

#[test]
fn the_page_gets_a_write_key_and_a_viewer_token() {
    let (_dir, server, config) = demo();
    assert_eq!((&config["url"], &config["key"]), (&"".into(), &WRITE_KEY.into()));
    assert_eq!(server.get("/demo/config.json", &[]).header("cache-control"), Some("no-store"));
    let token = config["token"].as_str().unwrap();
    let bearer = format!("Bearer {token}");
    assert_eq!(server.get("/api/totals", &[("authorization", &bearer)]).status, 200);
    assert_eq!(server.get("/", &[]).header("location"), Some("/demo/"));
    let page = server.get("/demo/", &[]);
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'self'") && policy.contains("'wasm-unsafe-eval'"));
    assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
    assert_eq!(server.get("/demo/nothing.js", &[]).status, 404);
}

#[test]
fn the_token_of_the_page_signs_in_to_the_console_without_being_in_an_address() {
    let (_dir, server, config) = demo();
    let policy = server.get("/demo/", &[]);
    assert!(policy.header("content-security-policy").unwrap().contains("form-action 'self'"));
    let form = format!("token={}&next=%2Foverview%3Fa%3Db", config["token"].as_str().unwrap());
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", &*server.url)];
    let signed_in = server.post("/login", &headers, form.as_bytes());
    assert_eq!(signed_in.status, 303);
    assert_eq!(signed_in.header("location"), Some("/overview?a=b"));
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let page = server.get("/overview", &[("cookie", &cookie)]);
    assert_eq!(page.status, 200);
    // A viewer: a change is refused.
    let change = [("cookie", &*cookie), ("origin", &*server.url)];
    assert_eq!(server.post("/api/keys", &change, b"{}").status, 403);
}

#[test]
fn a_fault_applies_until_it_is_switched_off() {
    let (_dir, server, config) = demo();
    let token = config["token"].as_str().unwrap();
    assert_eq!(server.send("[]").status, 200);

    assert_eq!(set_fault(&server, token, &json!({"mode": "unavailable"})), 200);
    let reply = server.send("[]");
    assert_eq!((reply.status, reply.problem().as_str()), (503, "demo_unavailable"));
    assert_eq!(reply.header("retry-after"), Some("1"));

    assert_eq!(set_fault(&server, token, &json!({"mode": "offline"})), 200);
    let path = format!("/v1/events?key={WRITE_KEY}");
    server.try_post(&path, &[("content-type", "text/plain")], b"[]").unwrap_err();
    assert_eq!(server.get("/healthz", &[]).status, 200, "only intake is affected");

    assert_eq!(set_fault(&server, token, &json!({"mode": "slow", "delay_ms": 300})), 200);
    let begun = now();
    assert_eq!(server.send("[]").status, 200);
    assert!(begun.elapsed().as_millis() >= 300);

    assert_eq!(set_fault(&server, token, &json!({"mode": "none"})), 200);
    assert_eq!(server.send("[]").status, 200);
    let bearer = format!("Bearer {token}");
    let fault = server.get("/demo/faults", &[("authorization", &bearer)]).json();
    assert_eq!(fault, json!({"mode": "none", "delay_ms": 0}));
}

#[test]
fn faults_need_the_token_of_the_demo() {
    let (_dir, server, config) = demo();
    assert_eq!(set_fault(&server, "vt_nobody", &json!({"mode": "offline"})), 401);
    assert_eq!(server.get("/demo/faults", &[]).status, 401);
    assert_eq!(set_fault(&server, config["token"].as_str().unwrap(), &json!({"mode": "odd"})), 400);
    assert_eq!(server.send("[]").status, 200);
}

#[test]
fn a_page_of_another_host_gets_nothing() {
    let (_dir, server, _) = demo();
    for path in ["/demo/config.json", "/demo/", "/api/totals", "/"] {
        let reply = server.get(path, &[("host", "evil.example")]);
        assert_eq!((reply.status, reply.problem().as_str()), (421, "host_not_loopback"), "{path}");
        assert!(!reply.text.contains("vt_"));
    }
}

#[test]
fn serve_has_no_routes_of_the_demo() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    for path in ["/demo", "/demo/", "/demo/config.json", "/demo/faults"] {
        assert_eq!(server.get(path, &[]).status, 404, "{path}");
    }
    assert_eq!(server.post("/demo/faults", &[], b"{\"mode\":\"offline\"}").status, 404);
}

#[test]
fn the_demo_listens_only_on_loopback_addresses() {
    let dir = tempfile::tempdir().unwrap();
    let mut demo = std::process::Command::new(env!("CARGO_BIN_EXE_lamplight"));
    let output =
        demo.args(["demo", "--listen", "0.0.0.0:0", "--data"]).arg(dir.path()).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback addresses only"));
}
