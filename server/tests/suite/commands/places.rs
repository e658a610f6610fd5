//! Where a command works, and what it says when it cannot.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{Ran, at, lamplight, on, run, serve_at, server};
use crate::harness::ADMIN_TOKEN;
use crate::harness::tls::TlsServer;

/// Another server, which answers each request with the same bytes, and counts them.
struct Fake {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Fake {
    fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 8192]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, requests }
    }

    fn with(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::start(format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ))
    }
}

fn at_url(url: &str, args: &[&str]) -> Command {
    let mut command = lamplight(args);
    command.args(["--url", url]).env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN);
    command
}

fn fails(command: Command, said: &[&str]) -> Ran {
    let ran = run(command);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.is_empty() && ran.stderr.contains("error: failed to "), "{ran:?}");
    for text in said {
        assert!(ran.stderr.contains(text), "no {text:?} in: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains(ADMIN_TOKEN), "{}", ran.stderr);
    ran
}

#[test]
fn what_is_wrong_with_a_server_or_a_token_is_said_with_what_to_do() {
    let (dir, server) = server();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gaps = &["gaps"][..];
    fails(
        at_url(&format!("http://{closed}"), gaps),
        &["no program listens there", "lamplight serve", "--url"],
    );
    fails(at_url(&server.url.replace("http", "https"), gaps), &["does not speak TLS", &server.url]);
    fails(at_url("http://me:hunter2@localhost", gaps), &["a password"]);
    fails(at_url("ftp://localhost", gaps), &["neither http nor https"]);

    let mut wrong = at(&server, gaps);
    wrong.env("LAMPLIGHT_ADMIN_TOKEN", "at_not_a_token_of_this_server");
    let said = fails(wrong, &["unknown or deleted token", "came from LAMPLIGHT_ADMIN_TOKEN"]);
    assert!(!said.stderr.contains("not_a_token_of"), "{}", said.stderr);
    let mut none = at(&server, gaps);
    none.env_remove("LAMPLIGHT_ADMIN_TOKEN");
    fails(none, &["no token", "LAMPLIGHT_ADMIN_TOKEN", "lamplight token create admin"]);
    let mut missing = at(&server, gaps);
    missing.args(["--token-file", "/no/such/file"]);
    fails(missing, &["read the token from /no/such/file"]);

    let viewer = run(at(&server, &["token", "create", "viewer"])).ok().stdout;
    let path = dir.path().join("viewer.token");
    std::fs::write(&path, &viewer).unwrap();
    let with_viewer = |args: &[&str]| {
        let mut command = at(&server, args);
        command.arg("--token-file").arg(&path);
        command
    };
    run(with_viewer(gaps)).ok();
    for args in [&["keys", "list"][..], &["query", "SELECT 1"], &["token", "create", "admin"]] {
        let said = fails(with_viewer(args), &["can only read: use an admin token", "viewer.token"]);
        assert!(!said.stderr.contains(viewer.trim()), "{}", said.stderr);
    }
}

#[test]
fn what_answers_and_is_no_lamplight_server_is_named() {
    let html = "content-type: text/html\r\n";
    let json = "content-type: application/json\r\n";
    let problem = "content-type: application/problem+json\r\n";
    let unknown = json!({
        "code": "not_found",
        "detail": "nothing is at this address: see / for the addresses of this server",
    });
    for (fake, said) in [
        (
            Fake::with("200 OK", html, "<h1>hi</h1>"),
            "is not a Lamplight server (HTTP 200, text/html)",
        ),
        (Fake::with("404 Not Found", html, "gone"), "is not a Lamplight server (HTTP 404"),
        (Fake::with("502 Bad Gateway", "", ""), "and the proxy in front of the server"),
        (Fake::with("200 OK", json, r#"{"hello":1}"#), "The server is probably of another version"),
        (
            Fake::with("404 Not Found", problem, &unknown.to_string()),
            "the server does not know this call. It is of another version than this command",
        ),
        (Fake::start("SSH-2.0-OpenSSH_9.2\r\n".into()), "reach the server at"),
    ] {
        fails(at_url(&fake.url, &["gaps"]), &[said]);
    }
}

#[test]
fn the_token_goes_to_no_other_address() {
    let (_dir, server) = server();
    let other = Fake::with("200 OK", "", "{}");
    let location = format!("location: {}/api/producers\r\n", other.url);
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let redirecting = Fake::with(status, &location, "");
        fails(at_url(&redirecting.url, &["gaps"]), &["redirects to", &other.url]);
    }
    for variable in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        let mut proxied = at(&server, &["gaps"]);
        proxied.env(variable, &other.url);
        run(proxied).ok();
    }
    assert_eq!(other.requests.load(Ordering::SeqCst), 0);
    // There is no option for a token, and what is given to it is not repeated.
    let mut argument = at(&server, &["gaps"]);
    argument.args(["--token", "at_hunter2"]);
    let ran = run(argument);
    assert_eq!(ran.code, Some(2));
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[test]
fn without_options_it_is_the_configured_data_or_else_the_server_that_uses_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("lamplight-data");
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let configured = |args: &[&str]| {
        let mut command = lamplight(args);
        command.current_dir(dir.path()).env("LAMPLIGHT_LISTEN", &address);
        command
    };
    fails(configured(&["gaps"]), &["there is no data in ./lamplight-data", "--url", "--data"]);
    let with_token = |args: &[&str]| {
        let mut command = configured(args);
        command.env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN);
        command
    };
    fails(with_token(&["gaps"]), &["no program listens there"]);
    assert!(!data.exists());

    let server = serve_at(&data, &address);
    fails(
        configured(&["gaps"]),
        &["a server is using the data directory", "--url http://127.0.0.1"],
    );
    let ran = run(with_token(&["gaps"])).ok();
    assert!(ran.stderr.contains(&format!("using the server at http://{address}")), "{ran:?}");
    let mut exact = lamplight(&["gaps", "--data"]);
    exact.arg(&data).env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN);
    fails(exact, &["a server is using the data directory"]);
    server.stop();

    let ran = run(with_token(&["gaps"])).ok();
    assert!(ran.stderr.contains("using data directory ./lamplight-data"), "{ran:?}");
    fails(on(&data, &["tail"]), &["needs a running server"]);
    fails(with_token(&["tail"]), &["no program listens there"]);
}

#[test]
fn a_flag_counts_more_than_a_variable_and_two_places_are_refused() {
    let (dir, server) = server();
    let other = tempfile::tempdir().unwrap();
    crate::harness::Server::serve(&other.path().join("data")).stop();
    let mut both = at(&server, &["gaps", "--data"]);
    both.arg(other.path().join("data"));
    let ran = run(both).ok();
    assert!(ran.stderr.contains("using data directory"), "{ran:?}");
    let mut flags = on(&dir.path().join("data"), &["gaps"]);
    flags.args(["--url", &server.url]);
    fails(flags, &["choose between --url and --data"]);
    let mut flag = at(&server, &["gaps", "--url", "http://127.0.0.1:1"]);
    flag.env("LAMPLIGHT_DATA", other.path().join("data"));
    fails(flag, &["reach the server at http://127.0.0.1:1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_checked_and_an_authority_can_be_named() {
    // It answers as if no producer was lost.
    let body = r#"{"producers":[],"next":null}"#;
    let length = body.len();
    let tls = TlsServer::start(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    ));
    let tls = tls.await;
    let checks = move || {
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        tls.write_authority(&ca);
        let port = tls.port;
        let url = format!("https://localhost:{port}");
        fails(at_url(&url, &["gaps"]), &["its certificate is not trusted", "--ca-file"]);
        run(at_url(&url, &["gaps", "--ca-file", ca.to_str().unwrap()])).ok();
        // The certificate is not for this name.
        let other = format!("https://127.0.0.1:{port}");
        let with_ca = ["gaps", "--ca-file", ca.to_str().unwrap()];
        fails(at_url(&other, &with_ca), &["its certificate is not trusted"]);
        fails(at_url(&url, &["gaps", "--ca-file", "/no/such/file"]), &["/no/such/file"]);
        std::fs::write(&ca, "no certificate").unwrap();
        fails(at_url(&url, &with_ca), &["use the certificates in"]);
        let plain = format!("http://localhost:{port}");
        fails(
            at_url(&plain, &["gaps"]),
            &["If the server speaks TLS, use --url https://localhost"],
        );
    };
    tokio::task::spawn_blocking(checks).await.unwrap();
}
