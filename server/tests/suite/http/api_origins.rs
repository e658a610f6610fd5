//! Pages of named origins may call the API, and no others.

use crate::harness::{ADMIN_TOKEN, Reply, Server, command};

const CONSOLE: &str = "https://console.example";
const ALLOW: &str = "access-control-allow-origin";

fn server(origins: &str) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let mut serve = command("serve", dir.path());
    serve.env("LAMPLIGHT_API_ORIGINS", origins);
    let server = Server::start(serve);
    (dir, server)
}

fn preflight(server: &Server, path: &str, origin: &str, method: &str) -> Reply {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", method),
        ("access-control-request-headers", "authorization,last-event-id,x-trace"),
    ];
    server.call("OPTIONS", path, &headers, b"")
}

#[test]
fn a_page_of_a_named_origin_may_send_its_token_and_read_every_answer() {
    let (_dir, server) = server("HTTPS://Console.example:443, http://localhost:5173");
    let token = format!("Bearer {ADMIN_TOKEN}");
    for origin in [CONSOLE, "http://localhost:5173"] {
        for (path, method) in [
            ("/api/totals", "GET"),
            ("/api/query", "POST"),
            ("/api/keys/x", "PATCH"),
            ("/api/nothing", "DELETE"),
            ("/api", "GET"),
        ] {
            let reply = preflight(&server, path, origin, method);
            assert_eq!((reply.status, reply.header(ALLOW)), (204, Some(origin)), "{path}");
            assert!(reply.header("access-control-allow-methods").unwrap().contains(method));
            let headers = reply.header("access-control-allow-headers").unwrap();
            assert!(
                headers.contains("Authorization") && headers.contains("last-event-id, x-trace")
            );
            assert_eq!(reply.header("access-control-allow-credentials"), None);
        }
        for (path, authorization, status) in [
            ("/api/totals", &*token, 200),
            ("/api/totals", "Bearer at_wrong_token_that_is_long", 401),
            ("/api/events?limit=x", &*token, 400),
            ("/api/nothing", &*token, 404),
        ] {
            let headers = [("origin", origin), ("authorization", authorization)];
            let reply = server.get(path, &headers);
            assert_eq!((reply.status, reply.header(ALLOW)), (status, Some(origin)), "{reply:?}");
            assert_eq!(reply.header("vary"), Some("Origin"));
            let exposed = reply.header("access-control-expose-headers").unwrap();
            assert!(exposed.contains("Retry-After") && exposed.contains("X-Request-Id"));
            assert!(reply.header("x-request-id").is_some());
        }
    }
    let live = server.raw(
        format!(
            "GET /api/live?limit=x HTTP/1.1\r\nhost: x\r\norigin: {CONSOLE}\r\nauthorization: {token}\r\n\
             connection: close\r\n\r\n"
        )
        .as_bytes(),
    );
    assert!(live.contains(&format!("{ALLOW}: {CONSOLE}")), "{live}");
}

#[test]
fn every_other_origin_gets_nothing_and_caches_are_told_that_answers_differ() {
    let (_dir, server) = server(CONSOLE);
    let token = format!("Bearer {ADMIN_TOKEN}");
    for origin in [
        "https://console.example.evil.example",
        "https://evil.example",
        "http://console.example",
        "https://console.example:8443",
        "https://console.example:443",
        "https://console.example/",
        "https://CONSOLE.example",
        "https://sub.console.example",
        "null",
        "*",
        "",
    ] {
        let reply = preflight(&server, "/api/totals", origin, "GET");
        assert_eq!((reply.status, reply.header(ALLOW)), (405, None), "{origin}");
        assert_eq!(reply.header("vary"), Some("Origin"));
        let headers = [("origin", origin), ("authorization", &token)];
        let reply = server.get("/api/totals", &headers);
        assert_eq!((reply.status, reply.header(ALLOW)), (200, None), "{origin}");
        assert_eq!(reply.header("vary"), Some("Origin"));
    }
    let reply = server.read("/api/totals");
    assert_eq!((reply.header(ALLOW), reply.header("vary")), (None, Some("Origin")));
    let two = server.raw(
        format!(
            "GET /api/totals HTTP/1.1\r\nhost: x\r\norigin: {CONSOLE}\r\norigin: https://evil.example\r\n\
             connection: close\r\n\r\n"
        )
        .as_bytes(),
    );
    assert!(!two.contains(ALLOW), "{two}");
    // Other addresses are as they were: intake is for every origin, and pages are for none.
    assert_eq!(server.get("/v1/events", &[("origin", CONSOLE)]).header(ALLOW), Some("*"));
    for path in ["/readyz", "/", "/apix"] {
        assert_eq!(server.get(path, &[("origin", CONSOLE)]).header(ALLOW), None, "{path}");
    }
}

#[test]
fn without_named_origins_no_page_of_another_origin_may_call_the_api() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let reply = preflight(&server, "/api/totals", CONSOLE, "GET");
    assert_eq!((reply.status, reply.header(ALLOW), reply.header("vary")), (405, None, None));
    let mut wrong = command("serve", dir.path());
    let output = wrong.env("LAMPLIGHT_API_ORIGINS", "*").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("name each origin"), "{said}");
}
