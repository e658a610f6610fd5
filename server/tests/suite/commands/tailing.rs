//! `lamplight tail`: every event once, however often the connection ends.

use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use super::{Running, at, send, serve_at, server};
use crate::harness::{ADMIN_TOKEN, Server, now};

fn name(line: &str) -> String {
    serde_json::from_str::<Value>(line).unwrap()["name"].as_str().unwrap().to_owned()
}

#[test]
fn events_are_shown_as_they_are_stored_until_ctrl_c() {
    let (_dir, server) = server();
    send(&server, &["before"]);
    server.settled();
    let tail = Running::start(at(&server, &["tail"]));
    tail.said("showing events");
    let body = r#"[{"name":"a\u001b[2J","user":{"id":"u7"},"properties":{"plan":"pro","x":"RLO"}},
                   {"name":"b","type":"critical"}]"#;
    assert_eq!(server.send(&body.replace("RLO", "\u{202e}")).status, 200);
    let line = tail.line();
    assert!(line.ends_with(r#" a\u{1b}[2J web u7 {"plan":"pro","x":"\u{202e}"}"#), "{line}");
    let line = tail.line();
    assert!(line.ends_with(" b critical web"), "{line}");
    assert_eq!(tail.interrupt(), Some(0));
}

#[test]
fn only_events_that_match_all_filters_are_shown() {
    let (_dir, server) = server();
    let filters = ["--user", "u7", "--type", "critical", "--prop", "plan=pro", "--source", "web"];
    let tail = Running::start(at(&server, &[&["tail", "--json"][..], &filters].concat()));
    tail.said("showing events");
    let event = |name: &str, user: &str, kind: &str, plan: &str| {
        format!(
            r#"{{"name":"{name}","user":{{"id":"{user}"}},"type":"{kind}","properties":{{"plan":"{plan}"}}}}"#
        )
    };
    let events = [
        event("other user", "u8", "critical", "pro"),
        event("other type", "u7", "default", "pro"),
        event("other plan", "u7", "critical", "free"),
        event("match", "u7", "critical", "pro"),
    ];
    assert_eq!(server.send(&format!("[{}]", events.join(","))).status, 200);
    assert_eq!(name(&tail.line()), "match");
    assert_eq!(tail.interrupt(), Some(0));
}

#[test]
fn no_event_is_missed_or_repeated_while_the_server_dies_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let mut server = serve_at(&data, &address);
    let tail = Running::start(at(&server, &["tail", "--json"]));
    tail.said("showing events");
    let mut sent = Vec::new();
    for round in 0..4 {
        // In the first round the server dies before it has shown any event.
        if round > 0 {
            let names: Vec<String> = (0..20).map(|n| format!("seen {round}.{n}")).collect();
            send(&server, &names.iter().map(String::as_str).collect::<Vec<_>>());
            sent.extend(names);
            if round == 2 {
                server.settled();
            }
        }
        if round % 2 == 0 {
            server.kill_9();
        } else {
            server.stop();
        }
        server = serve_at(&data, &address);
        // Stored while nobody is connected, with luck.
        let name = format!("between {round}");
        send(&server, &[&name]);
        sent.push(name);
        tail.said("connected again");
    }
    let mut shown: Vec<String> = (0..sent.len()).map(|_| name(&tail.line())).collect();
    send(&server, &["last"]);
    assert_eq!(name(&tail.line()), "last", "nothing was repeated");
    shown.sort();
    sent.sort();
    assert_eq!(shown, sent);
    assert_eq!(tail.interrupt(), Some(0));
}

#[test]
fn it_ends_with_an_error_when_its_token_is_revoked_meanwhile() {
    let (_dir, server) = server();
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    let made = server.post("/api/keys", &headers, br#"{"kind":"viewer","source":"x"}"#).json();
    let mut command = at(&server, &["tail"]);
    command.env("LAMPLIGHT_ADMIN_TOKEN", made["key"].as_str().unwrap());
    let mut tail = Running::start(command);
    tail.said("showing events");
    let path = format!("/api/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(server.call("PATCH", &path, &headers, br#"{"disabled":true}"#).status, 200);
    send(&server, &["a"]);
    tail.said("disabled token");
    assert_eq!(tail.ended(), Some(1));
}

#[test]
fn it_ends_when_nobody_reads_it_also_while_nothing_arrives() {
    let (_dir, server) = server();
    let mut child =
        at(&server, &["tail"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none());
    drop(child.stdout.take());
    let begun = now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "it did not notice");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let stored = |server: &Server| server.settled()["stored"].clone();
    assert_eq!(stored(&server), 0);
}
