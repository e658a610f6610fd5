//! The document of the API and its page, compared with what the server does.

use std::collections::BTreeSet;

use lamplight_server::openapi::PROBLEMS;
use lamplight_server::router;
use serde_json::Value;

use super::access::paths;
use super::faults::Inside;
use crate::harness::{ADMIN_TOKEN, Reply, Server};
use lamplight_server::store::WriterLimits;
use lamplight_server::web::console;

const COMMITTED: &str = include_str!("../../../../docs/openapi.json");

/// Every operation: its path, its method and its description.
pub(super) fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = router::openapi()["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, it)| (path.as_str(), method.as_str(), it))
    });
    all.collect()
}

fn call(server: &Server, method: &str, path: &str, body: &[u8]) -> Reply {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    server.call(&method.to_uppercase(), path, &[("authorization", &bearer)], body)
}

#[test]
fn the_committed_document_is_current() {
    assert!(
        COMMITTED == format!("{:#}\n", router::openapi()),
        "docs/openapi.json is stale; rewrite it with: \
         cargo run -p lamplight-server -- config openapi > docs/openapi.json"
    );
}

#[test]
fn every_route_and_method_is_in_the_document_and_the_other_way_round() {
    let dir = tempfile::tempdir().unwrap();
    let inside = Inside::start(dir.path(), WriterLimits::default());
    let (behind, open) = console::paths();
    // Pages of the console are for people.
    let is_of_console = |path: &str| open.contains(&path) || behind.iter().any(|it| it.1 == path);
    let routed: BTreeSet<String> = paths(&router::router(&inside.app, None))
        .iter()
        .filter(|path| !is_of_console(path))
        .map(|path| if path == "/" { path } else { path.trim_end_matches('/') }.to_owned())
        .collect();
    let documented: BTreeSet<String> =
        operations().iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(routed, documented);
    let server = Server::serve(&dir.path().join("data"));
    for path in documented {
        let mut methods: BTreeSet<String> = operations()
            .iter()
            .filter(|(of, ..)| *of == path)
            .map(|(_, method, _)| method.to_uppercase())
            .collect();
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        let address = path.replace("{id}", "x").replace("{name}", "x");
        let refused = call(&server, "DELETE", &address, b"");
        assert_eq!((refused.status, refused.problem().as_str()), (405, "method_not_allowed"));
        let allowed = refused.header("allow").unwrap().split(',').map(str::to_owned).collect();
        assert_eq!(methods, allowed, "{path}");
    }
}

#[test]
fn each_call_knows_the_parameters_in_the_document_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let of = |operation: &Value| -> Vec<String> {
        let all = operation["parameters"].as_array().into_iter().flatten();
        let names = all.filter(|it| it["in"] == "query").map(|it| match it["style"].as_str() {
            Some(_) => "prop.x".to_owned(),
            None => it["name"].as_str().unwrap().to_owned(),
        });
        names.collect()
    };
    let all: BTreeSet<String> = operations().iter().flat_map(|(.., it)| of(it)).collect();
    assert!(all.len() > 15, "{all:?}");
    for (path, method, operation) in operations() {
        if !path.starts_with("/api/") || path.starts_with("/api/docs") {
            continue;
        }
        let known = of(operation);
        let address = path.replace("{id}", "x").replace("{name}", "x");
        let required = operation["parameters"].as_array().into_iter().flatten();
        let required: String = required
            .filter(|it| it["in"] == "query" && it["required"] == true)
            .map(|it| format!("&{}={}", it["name"], it["example"]).replace('"', ""))
            .collect();
        let body = operation["requestBody"]["content"]["application/json"]["example"].to_string();
        // A POST with a body of a known length never ends later than its answer.
        let body = match body.as_str() {
            _ if method == "get" => "",
            "null" => "{}",
            body => body,
        };
        for name in all.iter().map(String::as_str).chain(["odd"]) {
            // With the last parameter no call succeeds, so none changes or streams anything.
            let query = format!("{address}?{name}=%00{required}&none=1");
            let reply = call(&server, method, &query, body.as_bytes());
            assert_eq!(reply.status, 400, "{method} {query}: {reply:?}");
            let detail = reply.json()["detail"].as_str().unwrap().to_owned();
            let is_unknown = detail.starts_with(&format!("unknown query parameter `{name}`"));
            let is_known = known.iter().any(|known| known == name);
            assert_eq!(is_unknown, !is_known, "{method} {query}: {detail}");
        }
    }
}

#[test]
fn every_kind_of_problem_and_every_schema_is_used() {
    let text = router::openapi().to_string();
    for kind in PROBLEMS.iter().filter(|kind| kind.code != "method_not_allowed") {
        assert!(text.contains(&format!("`{}`", kind.code)), "{kind:?}");
    }
    let schemas = router::openapi()["components"]["schemas"].as_object().unwrap();
    for name in schemas.keys() {
        assert!(text.contains(&format!("#/components/schemas/{name}\"")), "{name}");
        assert!(!name.ends_with(|last: char| last.is_ascii_digit()), "two types are named {name}");
    }
    let ids: BTreeSet<&str> =
        operations().iter().map(|(.., it)| it["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations().len());
}

#[test]
fn the_page_shows_every_call_and_loads_nothing_from_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let page = server.get("/api/docs", &[]);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for part in ["<script", "<style", " style=", "http://", "https://", " on"] {
        let text = page.text.replace("https://shop.example.com", "");
        let tags = text.split('<').skip(1).map(|tag| tag.split('>').next().unwrap());
        let found: Vec<&str> = tags.filter(|tag| format!("<{tag}").contains(part)).collect();
        assert!(found.is_empty(), "{part}: {found:?}");
    }
    for (path, method, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap();
        assert!(page.text.contains(&format!("<section id=\"{id}\">")), "{method} {path}");
    }
    let targets = page.text.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    for target in targets {
        assert!(page.text.contains(&format!("id=\"{target}\"")), "{target}");
    }
    let style = server.get("/api/docs/style.css", &[]);
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    let document = server.get("/openapi.json", &[]);
    assert_eq!(document.json(), *router::openapi());
}
