//! What SECURITY.md promises about secrets and about what a request can reach.

#[cfg(target_os = "linux")]
use std::collections::BTreeSet;
#[cfg(target_os = "linux")]
use std::io::Read;
use std::path::Path;

use serde_json::json;

#[cfg(target_os = "linux")]
use crate::harness::command;
use crate::harness::{ADMIN_TOKEN, SECRET_KEY, Server, WRITE_KEY};

/// The names of the files below `folder` that contain `text`.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn no_file_of_the_server_contains_a_secret_key_or_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let bearer = |key: &str| ("authorization", format!("Bearer {key}"));
    let (name, admin) = bearer(ADMIN_TOKEN);
    let mut secrets = vec![SECRET_KEY.to_owned(), ADMIN_TOKEN.to_owned()];
    for kind in ["secret", "viewer", "admin"] {
        let body = json!({ "kind": kind, "source": "made" }).to_string();
        let made = server.post("/api/keys", &[(name, &admin)], body.as_bytes()).json();
        secrets.push(made["key"].as_str().unwrap().to_owned());
    }
    let (name, secret) = bearer(SECRET_KEY);
    let headers = [(name, &*secret), ("content-type", "application/json")];
    assert_eq!(server.post("/v1/logs", &headers, br#"[{"name":"a"}]"#).status, 200);
    server.settled();
    for text in &secrets {
        assert_eq!(files_with(dir.path(), text), Vec::<String>::new(), "while it runs");
    }
    // The search finds what is there: a write key is public, and GET /api/keys shows it.
    assert!(!files_with(dir.path(), WRITE_KEY).is_empty());
    assert_eq!(server.stop(), Some(0));
    for text in &secrets {
        assert_eq!(files_with(dir.path(), text), Vec::<String>::new(), "after a stop");
    }
}

#[test]
fn a_token_in_an_address_is_refused_so_that_none_is_in_an_access_log() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    for name in ["key", "token", "access_token"] {
        let reply = server.get(&format!("/api/events?{name}={ADMIN_TOKEN}"), &[]);
        assert_eq!((reply.status, reply.problem()), (401, "token_missing".to_owned()));
        assert!(!reply.text.contains(ADMIN_TOKEN), "{}", reply.text);
    }
}

#[test]
fn text_that_looks_like_sql_is_only_ever_a_value() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let hostile = "x' OR 1=1; DROP TABLE producers; --";
    let encoded = "x%27%20OR%201%3D1%3B%20DROP%20TABLE%20producers%3B%20--";
    let event = json!({
        "name": hostile, "id": hostile, "session": hostile, "user": { "id": hostile },
        "properties": { hostile: hostile },
    });
    let body = json!([event, { "name": "plain", "id": "plain" }]).to_string();
    assert_eq!(server.send(&body).status, 200);
    server.settled();
    let count = |query: &str| {
        let reply = server.read(&format!("/api/events?{query}"));
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["events"].as_array().unwrap().len()
    };
    assert_eq!(count(""), 2);
    for filter in ["name=", "user=", "source=web&name="] {
        assert_eq!(count(&format!("{filter}{encoded}")), 1, "{filter}");
    }
    assert_eq!(count(&format!("prop.{encoded}={encoded}")), 1);
    assert_eq!(count(&format!("source={encoded}")), 0);
    let traced = server.read(&format!("/api/events/{encoded}"));
    assert_eq!(traced.json()["name"], hostile);
    let refused = server.read(&format!("/api/producers?source={encoded}"));
    assert!(matches!(refused.status, 200 | 400), "{refused:?}");
    assert_eq!(server.settled()["stored"], 2);
}

/// The addresses that the process has sockets to, other than connections to its own listener.
#[cfg(target_os = "linux")]
fn peers(server: &Server) -> BTreeSet<String> {
    let pid = server.pid();
    let sockets: BTreeSet<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned())
        })
        .collect();
    let port: u16 = server.address().rsplit(':').next().unwrap().parse().unwrap();
    let own = format!(":{port:04X}");
    let mut peers = BTreeSet::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if sockets.contains(fields[9]) && !fields[1].ends_with(&own) {
                peers.insert(format!("{table} {}", fields[2]));
            }
        }
    }
    peers
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_without_sinks_connects_to_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(&dir.path().join("alone"));
    for _ in 0..20 {
        assert_eq!(server.send(r#"[{"name":"a"}]"#).status, 200);
        assert_eq!(peers(&server), BTreeSet::new());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // The same look sees the connection of a sink.
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = receiver.local_addr().unwrap();
    let config = dir.path().join("lamplight.toml");
    let sink = format!(
        "[sinks.hook]\nkind = 'webhook'\nurl = 'http://{address}/'\nsecret = 'sixteen-bytes-or-more'"
    );
    std::fs::write(&config, sink).unwrap();
    let mut forwarding = command("serve", &dir.path().join("forwarding"));
    forwarding.arg("--config").arg(&config);
    let server = Server::start(forwarding);
    assert_eq!(server.send(r#"[{"name":"a"}]"#).status, 200);
    let (mut connection, _) = receiver.accept().unwrap();
    let mut first = [0];
    connection.read_exact(&mut first).unwrap();
    let ending = format!(":{:04X}", address.port());
    assert!(peers(&server).iter().any(|peer| peer.ends_with(&ending)), "{:?}", peers(&server));
}
