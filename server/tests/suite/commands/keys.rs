//! `lamplight keys`, `token`, `retry` and `forget` at a running server.

use super::{at, run, server};
use crate::harness::{ADMIN_TOKEN, Server};

fn status(server: &Server, key: &str) -> u16 {
    let headers = [("origin", "https://shop.example.com"), ("content-type", "text/plain")];
    server.post(&format!("/v1/events?key={key}"), &headers, br#"[{"name":"a"}]"#).status
}

#[test]
fn a_key_is_created_listed_revoked_and_enabled_again() {
    let (_dir, server) = server();
    let made = run(at(
        &server,
        &[
            "keys",
            "create",
            "write",
            "--source",
            "shop",
            "--origin",
            "https://Shop.example.com:443",
        ],
    ))
    .ok();
    let key = made.stdout.trim();
    assert_eq!(status(&server, key), 200);
    let id = made.stderr.split_whitespace().last().unwrap().to_owned();
    let listed = run(at(&server, &["keys", "list"])).ok();
    let line = listed.lines().into_iter().find(|line| line.starts_with(&id)).unwrap().to_owned();
    for part in ["write", "shop", "valid", key, "https://shop.example.com"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!listed.stdout.contains("admin"), "tokens are listed by another command");
    run(at(&server, &["keys", "revoke", &id])).ok();
    assert_eq!(status(&server, key), 403);
    assert!(run(at(&server, &["keys", "list"])).ok().stdout.contains("revoked 20"));
    run(at(&server, &["keys", "enable", &id])).ok();
    assert_eq!(status(&server, key), 200);

    let secret = run(at(&server, &["keys", "create", "secret", "--source", "b", "--json"])).ok();
    let json: serde_json::Value = serde_json::from_str(&secret.stdout).unwrap();
    let text = json["key"].as_str().unwrap();
    let listed = run(at(&server, &["keys", "list"])).ok();
    assert!(listed.stdout.contains("(secret)") && !listed.stdout.contains(text));
    // Whoever gives the key itself is told so, and it is not repeated.
    let wrong = run(at(&server, &["keys", "revoke", text]));
    assert!(wrong.code == Some(1) && wrong.stderr.contains("keys list"), "{wrong:?}");
    assert!(!wrong.stderr.contains(text), "{wrong:?}");
    let wrong = run(at(&server, &["keys", "create", "write", "--source", "x", "--origin", "a/b"]));
    assert!(wrong.code == Some(1) && wrong.stderr.contains("key_invalid"), "{wrong:?}");
}

#[test]
fn a_token_is_revoked_but_not_by_itself() {
    let (_dir, server) = server();
    let made = run(at(&server, &["token", "create", "viewer", "--json"])).ok();
    let json: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    let (id, token) = (json["id"].as_str().unwrap(), json["key"].as_str().unwrap());
    let read =
        || server.get("/api/totals", &[("authorization", &format!("Bearer {token}"))]).status;
    assert_eq!(read(), 200);
    let wrong = run(at(&server, &["keys", "revoke", id]));
    assert!(wrong.stderr.contains(&format!("lamplight token revoke {id}")), "{wrong:?}");
    run(at(&server, &["token", "revoke", id])).ok();
    assert_eq!(read(), 403);
    let listed = run(at(&server, &["token", "list"])).ok();
    let own = listed.lines().into_iter().find(|line| line.starts_with("at_")).unwrap();
    let own = own.split_whitespace().next().unwrap();
    let refused = run(at(&server, &["token", "revoke", own]));
    assert!(refused.code == Some(1) && refused.stderr.contains("key_in_use"), "{refused:?}");
    assert!(!listed.stdout.contains(ADMIN_TOKEN));
}

#[test]
fn retry_and_forget_say_what_they_did() {
    let (_dir, server) = server();
    let producer = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let body = format!(r#"[{{"name":"a","producer":"{producer}","seq":5}}]"#);
    assert_eq!(server.send(&body).status, 200);
    server.settled();
    let ran = run(at(&server, &["retry", "--sink", "none"])).ok();
    assert_eq!(ran.stdout, "0 deliveries are queued again\n");
    assert_eq!(run(at(&server, &["retry"])).code, Some(2), "it needs a sink or an event");
    assert_eq!(run(at(&server, &["forget", "web"])).code, Some(2), "it needs --yes");
    let ran = run(at(&server, &["forget", "web", "--yes"])).ok();
    assert!(ran.stdout.starts_with("1 producer changed: 4 missing"), "{ran:?}");
    let ran = run(at(&server, &["forget", "no/such source", "--yes"]));
    assert!(ran.code == Some(1) && ran.stderr.contains("no source with numbered"), "{ran:?}");
}
