//! The server's log: which lines it has, in which form, and what is never in it.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Server, WRITE_KEY, command, now};

fn start(data: &std::path::Path, flags: &[&str]) -> Server {
    let mut serve = command("serve", data);
    serve.args(flags).env_remove("RUST_LOG");
    Server::start(serve)
}

/// The lines of a log in JSON.
fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn about<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["message"] == message).collect()
}

#[test]
fn refusals_are_logged_once_and_then_counted_by_code_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path(), &[]);
    let post = |path: &str| server.post(path, &[("content-type", "text/plain")], b"[]").status;
    for attempt in 0..5 {
        let unknown = format!("/v1/events?key=wk_guessed_{attempt}");
        assert_eq!(post(&unknown), 401);
    }
    let wrong_kind = format!("/v1/logs?key={WRITE_KEY}");
    assert_eq!((post(&wrong_kind), post(&wrong_kind)), (403, 403));
    assert_eq!(server.get("/v1/nothing", &[]).status, 404);
    assert_eq!(server.get("/nothing", &[]).status, 404);
    let named = [("x-request-id", "the-request-of-this-test")];
    assert_eq!(server.get("/api/totals", &named).status, 401);

    let write_key = server.read("/api/keys").json()["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kind"] == "write")
        .unwrap()["id"]
        .clone();
    let log = server.stop_with_log();
    let lines = lines(&log);
    let kinds = |lines: Vec<&Value>| {
        let kinds = lines.iter().map(|line| json!([line["status"], line["code"], line["key"]]));
        kinds.collect::<Vec<_>>()
    };
    let first = about(&lines, "refused a request");
    assert!(first.iter().all(|line| line["level"] == "WARN"), "{log}");
    assert_eq!(first[3]["request_id"], "the-request-of-this-test", "{log}");
    assert_eq!(first[0]["request_id"].as_str().unwrap().len(), 32, "{log}");
    assert_eq!(
        kinds(first),
        [
            json!([401, "key_unknown", "unknown"]),
            json!([403, "key_wrong_kind", write_key]),
            json!([404, "not_found", "none"]),
            json!([401, "token_missing", "none"]),
        ],
        "{log}"
    );
    let more = about(&lines, "refused more requests");
    let count =
        |code: &str| more.iter().find(|line| line["code"] == code).unwrap()["count"].clone();
    assert_eq!(
        (more.len(), count("key_unknown"), count("key_wrong_kind")),
        (2, json!(4), json!(1))
    );
    assert!(!log.contains("wk_guessed"), "{log}");
}

#[test]
fn no_secret_and_nothing_of_a_payload_is_ever_logged() {
    let dir = tempfile::tempdir().unwrap();
    let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = refusing.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in refusing.incoming() {
            use std::io::{Read, Write};
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 500 Sentinel\r\ncontent-length: 17\r\n\r\nsentinel-receiver";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let toml = format!(
        "[sinks.hook]\nkind = 'webhook'\nurl = 'http://{address}/sentinel-url?sentinel-query'\n\
         secret = 'sentinel-webhook-secret'\n[sinks.panel]\nkind = 'mixpanel'\n\
         url = 'http://{address}'\ntoken = 'sentinel-mixpanel-token'\n",
    );
    let config = dir.path().join("lamplight.toml");
    std::fs::write(&config, toml).unwrap();
    let mut serve = command("serve", &dir.path().join("data"));
    serve
        .args(["--log", "trace", "--log-format", "json", "--config"])
        .arg(&config)
        .env("LAMPLIGHT_WRITE_KEY", "wk_sentinel_write_key")
        .env("LAMPLIGHT_SECRET_KEY", "sk_sentinel_secret_key_long")
        .env("LAMPLIGHT_ADMIN_TOKEN", "at_sentinel_admin_token_long");
    let server = Server::start(serve);
    let post = |path: &str, body: &str| {
        server.post(path, &[("content-type", "text/plain")], body.as_bytes()).status
    };
    let key = "key=wk_sentinel_write_key";
    let event = r#"[{"name":"sentinel-name","properties":{"sentinel-property":"sentinel-value"},
        "user":{"id":"sentinel-user"}},{"name":"","sentinel-invalid":1}]"#;
    assert_eq!(post(&format!("/v1/events?{key}"), event), 200);
    assert_eq!(post(&format!("/v1/events?{key}"), "{sentinel-not-json"), 400);
    assert_eq!(post("/v1/events?key=wk_sentinel_unknown", event), 401);
    assert_eq!(post(&format!("/v1/sentinel-path?{key}"), ""), 404);
    let admin = [("authorization", "Bearer at_sentinel_admin_token_long")];
    assert_eq!(server.get("/api/events?name=sentinel-filter", &admin).status, 200);
    assert_eq!(server.get("/api/totals", &[("authorization", "Bearer sentinel-bad")]).status, 401);
    let sql = br#"{"sql":"SELECT 'sentinel-sql' FROM nowhere"}"#;
    assert_eq!(server.post("/api/query", &admin, sql).status, 400);
    // Both sinks have failed once.
    let begun = now();
    loop {
        let log = server.log();
        if log.contains(r#""sink":"hook""#) && log.contains(r#""sink":"panel""#) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "no sink failed: {log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let log = server.stop_with_log();
    assert!(log.contains("TRACE") && log.contains("refused a request"), "{log}");
    let found: Vec<&str> = log.lines().filter(|line| line.contains("sentinel")).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_filter_and_the_form_of_the_log_can_be_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let quiet = start(dir.path(), &["--log", "error"]);
    assert_eq!(quiet.get("/api/totals", &[]).status, 401);
    assert_eq!(quiet.stop_with_log(), "");
    let human = start(dir.path(), &["--log-format", "human"]);
    let log = human.stop_with_log();
    assert!(log.contains("shutting down") && !log.contains('{'), "{log}");
    let mut by_variable = command("serve", dir.path());
    by_variable.env("RUST_LOG", "off");
    assert_eq!(Server::start(by_variable).stop_with_log(), "");
}

#[test]
fn a_wrong_log_filter_is_an_error_that_says_what_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let error = |mut command: Command| {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let begun = now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > Duration::from_secs(20) {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        assert!(status.code().is_some_and(|code| code > 0), "it started");
        String::from_utf8(stderr).unwrap()
    };
    let mut by_flag = command("serve", dir.path());
    by_flag.args(["--log", "degub"]);
    let said = error(by_flag);
    assert!(said.contains("did you mean `debug`?") && said.contains("--log"), "{said}");
    let mut by_variable = command("serve", dir.path());
    by_variable.env("RUST_LOG", "info,,=x=y");
    let said = error(by_variable);
    assert!(said.contains("RUST_LOG") && said.contains("write a level"), "{said}");
    assert!(!said.contains(ADMIN_TOKEN), "{said}");
}
