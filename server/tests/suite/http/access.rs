//! Who may call which route. The tests walk the router's own table, so a new route is in them.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use lamplight_server::api::{Access, ApiRoute};
use lamplight_server::router;
use lamplight_server::store::WriterLimits;
use lamplight_server::web::console;
use serde_json::json;

use super::faults::Inside;
use crate::harness::{ADMIN_TOKEN, SECRET_KEY, Server, WRITE_KEY};

/// Paths that need neither a key nor a token under `lamplight serve`.
const PUBLIC: [&str; 9] = [
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/api/docs",
    "/api/docs/style.css",
    "/lamplight.js",
    "/lamplight-full.js",
    "/lamplight-translated.js",
    "/lamplight-debug.js",
];

fn api_routes() -> Vec<ApiRoute> {
    router::api_routes().list().to_vec()
}

/// Calls a route with this token, and returns the status and the code of the problem.
fn call(server: &Server, route: &ApiRoute, token: Option<&str>) -> (u16, String) {
    let path = route.path.replace("{id}", "x").replace("{name}", "x");
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    let reply = server.call(route.method.as_str(), &path, &headers, b"");
    assert_eq!(reply.header("access-control-allow-origin"), None, "no other origin may read it");
    (reply.status, reply.problem())
}

/// Creates a viewer token.
fn viewer(server: &Server) -> (String, String) {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let body = json!({"kind": "viewer", "source": "wall"}).to_string();
    let key = server.post("/api/keys", &[("authorization", &bearer)], body.as_bytes()).json();
    (key["id"].as_str().unwrap().to_owned(), key["key"].as_str().unwrap().to_owned())
}

#[test]
fn every_api_route_refuses_a_caller_without_a_valid_token() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    assert!(api_routes().len() > 10);
    for route in api_routes() {
        for (token, status, code) in [
            (None, 401, "token_missing"),
            (Some("at_nobody"), 401, "token_unknown"),
            (Some(WRITE_KEY), 403, "token_wrong_kind"),
            (Some(SECRET_KEY), 403, "token_wrong_kind"),
        ] {
            let refused = call(&server, &route, token);
            assert_eq!(refused, (status, code.to_owned()), "{route:?} with {token:?}");
        }
    }
}

#[test]
fn a_viewer_may_call_exactly_the_routes_that_only_read() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let (id, token) = viewer(&server);
    for route in api_routes() {
        match route.access {
            Access::Admin => {
                let refused = call(&server, &route, Some(&token));
                assert_eq!(refused, (403, "token_read_only".to_owned()), "{route:?}");
            }
            Access::Reader => {
                assert_eq!(route.method, "GET", "a viewer may only read: {route:?}");
                // The live view never ends, so its answer is only checked for other routes.
                if route.path != "/api/live" {
                    let path = route.path.replace("{id}", "x");
                    let bearer = format!("Bearer {token}");
                    let status = server.get(&path, &[("authorization", &bearer)]).status;
                    assert!(![401, 403].contains(&status), "{route:?}: {status}");
                }
            }
        }
    }
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let path = format!("/api/keys/{id}");
    let disabled =
        server.call("PATCH", &path, &[("authorization", &bearer)], b"{\"disabled\":true}");
    assert_eq!(disabled.status, 200);
    for route in api_routes() {
        let refused = call(&server, &route, Some(&token));
        assert_eq!(refused, (403, "token_disabled".to_owned()), "{route:?}");
    }
}

#[test]
fn the_token_is_checked_before_parameters_and_the_body() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    for route in api_routes() {
        let path = route.path.replace("{id}", "x").replace("{name}", "x") + "?unknown=1";
        let body: &[u8] = if route.method == "GET" { b"" } else { b"not JSON" };
        let refused = server.call(route.method.as_str(), &path, &[], body);
        assert_eq!((refused.status, refused.problem()), (401, "token_missing".into()), "{route:?}");
    }
}

#[test]
fn a_connection_stays_usable_after_a_refusal_whose_body_arrives_late() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut status = |parts: &[&str]| {
        for part in parts {
            std::thread::sleep(Duration::from_millis(100));
            stream.write_all(part.as_bytes()).unwrap();
        }
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..read]).lines().next().unwrap_or_default().to_owned()
    };
    for path in ["/api/query", "/api/keys", "/api/deliveries/retry"] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n");
        assert_eq!(status(&[&head, "null"]), "HTTP/1.1 401 Unauthorized", "{path}");
    }
    assert_eq!(status(&["GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"]), "HTTP/1.1 200 OK");
}

/// Every path of a router, as axum's `Debug` output lists them.
pub(super) fn paths(router: &axum::Router) -> BTreeSet<String> {
    let text = format!("{router:?}");
    let quoted = text.split('"').skip(1).step_by(2);
    // axum also lists the path of its own fallback, which answers 404.
    let paths = quoted.filter(|text| text.starts_with('/') && !text.contains("__private"));
    paths.map(str::to_owned).collect()
}

#[test]
fn every_path_of_the_router_is_public_or_checks_who_calls() {
    let dir = tempfile::tempdir().unwrap();
    let inside = Inside::start(dir.path(), WriterLimits::default());
    let paths = paths(&router::router(&inside.app, None));
    let api: BTreeSet<String> = api_routes().iter().map(|route| route.path.to_owned()).collect();
    assert!(paths.is_superset(&api), "{paths:?}");
    let server = Server::serve(&dir.path().join("data"));
    let (behind, open) = console::paths();
    for (method, path) in &behind {
        assert!(paths.contains(*path), "{path}");
        let path = path.replace("{id}", "x").replace("{verb}", "x");
        let refused = server.call(method.as_str(), &path, &[], b"");
        let is_sent_away = refused.header("location").is_some_and(|to| to.starts_with("/login?"));
        assert!(is_sent_away || refused.status == 401, "{method} {path}: {refused:?}");
    }
    let is_of_console = |path: &str| open.contains(&path) || behind.iter().any(|it| it.1 == path);
    let intake: Vec<&String> = paths
        .iter()
        .filter(|path| !api.contains(*path) && !PUBLIC.contains(&path.as_str()))
        .filter(|path| !is_of_console(path))
        .collect();
    assert!(intake.len() >= 2, "{paths:?}");
    for path in intake {
        let json = ("content-type", "application/json");
        let missing = server.post(path, &[json], b"[]");
        assert_eq!((missing.status, missing.problem()), (401, "key_missing".into()), "{path}");
        let bearer = format!("Bearer {ADMIN_TOKEN}");
        let wrong = server.post(path, &[json, ("authorization", &bearer)], b"[]");
        assert_eq!((wrong.status, wrong.problem()), (403, "key_wrong_kind".into()), "{path}");
    }
}
