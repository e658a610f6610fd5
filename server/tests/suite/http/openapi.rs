//! The document of the API and its page, compared with what the server does.

use std::collections::BTreeSet;
use std::process::Command;

use lamplight_server::openapi::PROBLEMS;
use lamplight_server::router;
use serde_json::Value;

use super::access::paths;
use super::faults::Inside;
use super::set_aside::leave_two_set_aside;
use crate::harness::{ADMIN_TOKEN, Reply, SECRET_KEY, Server, WRITE_KEY, command};
use lamplight_server::store::sqlite::WriterLimits;

const COMMITTED: &str = include_str!("../../../../docs/openapi.json");
const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Every operation: its path, its method and its description.
fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
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
    let routed: BTreeSet<String> = paths(&router::router(&inside.app, None))
        .iter()
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

/// The commands that the page shows.
fn commands(page: &str) -> Vec<String> {
    let commands = page.split("<pre tabindex=\"0\"><code>").skip(1);
    let commands = commands.map(|rest| rest.split("</code>").next().unwrap());
    let unescaped = commands.map(|html| {
        html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
    });
    unescaped.collect()
}

#[test]
fn every_command_on_the_page_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let [payload, other] = leave_two_set_aside(dir.path());
    let config = dir.path().join("lamplight.toml");
    let archive = dir.path().join("archive").display().to_string();
    std::fs::write(&config, format!("[sinks.archive]\nkind = 'file'\npath = '{archive}'\n"))
        .unwrap();
    let mut serve = command("serve", dir.path());
    serve.arg("--config").arg(&config);
    let server = Server::start(serve);
    let events = format!(
        r#"[{{"name":"a","producer":"{P}","seq":1}},{{"name":"order_paid","id":"order-1042-paid"}}]"#
    );
    assert_eq!(server.send(&events).status, 200);
    server.settled();
    let keys = server.read("/api/keys").json();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kind"] == "write").unwrap();
    let commands = commands(&server.get("/api/docs", &[]).text);
    assert_eq!(commands.len(), operations().len());
    for text in commands {
        // Only these ids are made by the server, and scripts are not in every binary.
        let text = text
            .replace("0190b7a4-5f2c-7d3e-8a1b-2c3d4e5f6a7b", &payload)
            .replace("0190b7a4-5f2c-7d3e-8a1b-2c3d4e5f6a7c", &other)
            .replace("wk_0123456789ab", key["id"].as_str().unwrap());
        let is_stream = text.contains("/api/live");
        let curl =
            text.replacen("curl ", "curl -s --max-time 5 -o /dev/null -w '%{http_code}' ", 1);
        let curl = if is_stream { curl.replace("--max-time 5", "--max-time 1") } else { curl };
        let output = Command::new("sh")
            .args(["-c", &curl])
            .env("LAMPLIGHT_URL", &server.url)
            .env("LAMPLIGHT_WRITE_KEY", WRITE_KEY)
            .env("LAMPLIGHT_SECRET_KEY", SECRET_KEY)
            .env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN)
            .output()
            .unwrap();
        let status = String::from_utf8_lossy(&output.stdout);
        let is_script = text.contains("/lamplight");
        assert!(status.starts_with('2') || (is_script && status != "000"), "{curl}: {status}");
        assert!(output.status.success() || is_stream, "{curl}: {output:?}");
    }
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
