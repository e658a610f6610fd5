//! Limits by key, origin and disk, and who may change them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Reply, Server, WRITE_KEY, command, now};

const JSON: (&str, &str) = ("content-type", "application/json");

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

fn admin(server: &Server, method: &str, path: &str, body: &Value) -> Reply {
    let authorization = format!("Bearer {ADMIN_TOKEN}");
    server.call(
        method,
        path,
        &[("authorization", &authorization), JSON],
        body.to_string().as_bytes(),
    )
}

fn create_key(server: &Server, body: &Value) -> (String, String) {
    let reply = admin(server, "POST", "/api/keys", body);
    assert_eq!(reply.status, 201, "{reply:?}");
    let key = reply.json();
    (key["id"].as_str().unwrap().to_owned(), key["key"].as_str().unwrap().to_owned())
}

fn send(server: &Server, key: &str, origin: Option<&str>, body: &str) -> Reply {
    let mut headers = vec![JSON];
    headers.extend(origin.map(|origin| ("origin", origin)));
    server.post(&format!("/v1/events?key={key}"), &headers, body.as_bytes())
}

#[test]
fn a_key_over_its_rate_limit_is_429_with_the_time_to_retry() {
    let (_dir, server) = server();
    let (id, key) =
        create_key(&server, &json!({"kind": "write", "source": "shop", "events_per_s": 100}));
    let batch = format!("[{}]", vec![r#"{"name":"a"}"#; 600].join(","));
    assert_eq!(send(&server, &key, None, &batch).status, 200, "a burst is accepted");
    let refused = send(&server, &key, None, "[]");
    assert_eq!((refused.status, refused.problem().as_str()), (429, "rate_limited"));
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail
            .starts_with(&format!("rate limit exceeded (100 events/s for key {id}): retry after ")),
        "{detail}"
    );
    let wait_s: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait_s), "{refused:?}");
    assert_eq!(server.send("[]").status, 200, "other keys are not affected");
    std::thread::sleep(Duration::from_secs(wait_s));
    assert_eq!(send(&server, &key, None, "[]").status, 200);
    let lifted = admin(
        &server,
        "PATCH",
        &format!("/api/keys/{id}"),
        &json!({"events_per_s": null, "bytes_per_s": 10}),
    );
    assert_eq!(
        (&lifted.json()["events_per_s"], &lifted.json()["bytes_per_s"]),
        (&Value::Null, &10.into())
    );
    assert_eq!(send(&server, &key, None, &batch).status, 200);
    let refused = send(&server, &key, None, "[]");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("56")));
}

#[test]
fn a_key_with_origins_refuses_requests_from_other_origins() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let origins = json!(["https://shop.example", "https://*.shop.example"]);
    let (_, key) =
        create_key(&server, &json!({"kind": "write", "source": "shop", "origins": origins}));
    let check = |server: &Server| {
        for origin in ["https://shop.example", "https://www.shop.example"] {
            assert_eq!(send(server, &key, Some(origin), "[]").status, 200);
        }
        for origin in [None, Some("https://evil.example"), Some("null")] {
            let refused = send(server, &key, origin, "[]");
            assert_eq!((refused.status, refused.problem().as_str()), (403, "origin_not_allowed"));
            assert!(refused.json()["detail"].as_str().unwrap().contains("Origin"));
            assert_eq!(
                refused.header("access-control-allow-origin"),
                Some("*"),
                "a page may read why"
            );
        }
    };
    check(&server);
    assert_eq!(server.stop(), Some(0));
    check(&Server::serve(dir.path()));
}

#[test]
fn origins_are_kept_as_browsers_send_them_and_useless_ones_are_refused() {
    let (_dir, server) = server();
    let given = json!([
        "https://A.example:443/",
        "https://a.example",
        "https://*.B\u{fc}cher.example",
        "null"
    ]);
    let usual = json!(["https://a.example", "https://*.xn--bcher-kva.example", "null"]);
    let new = json!({"kind": "write", "source": "shop", "origins": given});
    let created = admin(&server, "POST", "/api/keys", &new).json();
    assert_eq!(created["origins"], usual);
    let path = format!("/api/keys/{}", created["id"].as_str().unwrap());
    let changed = admin(&server, "PATCH", &path, &json!({ "origins": given }));
    assert_eq!(changed.json()["origins"], usual);
    let key = created["key"].as_str().unwrap();
    for origin in ["https://a.example", "https://www.xn--bcher-kva.example", "null"] {
        assert_eq!(send(&server, key, Some(origin), "[]").status, 200, "{origin}");
    }
    for useless in ["https://a.example/shop", "a.example", "https://*", "https://*.", "*"] {
        for (method, path) in [("POST", "/api/keys"), ("PATCH", &*path)] {
            let mut body = json!({ "origins": [useless] });
            if method == "POST" {
                body["kind"] = "write".into();
                body["source"] = "shop".into();
            }
            let refused = admin(&server, method, path, &body);
            assert_eq!((refused.status, refused.problem().as_str()), (400, "key_invalid"));
            let detail = refused.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(&format!("`{useless}`")) && detail.len() > 50, "{detail}");
        }
    }
    let listed = admin(&server, "GET", "/api/keys", &Value::Null).json();
    let listed = listed["keys"].as_array().unwrap().iter();
    let kept: Vec<&Value> = listed.filter(|it| it["id"] == created["id"]).collect();
    assert_eq!(kept[0]["origins"], usual);
}

#[test]
fn only_admins_create_list_change_and_disable_keys() {
    let (_dir, server) = server();
    let (id, viewer) = create_key(&server, &json!({"kind": "viewer", "source": "wall"}));
    let bearer = format!("Bearer {viewer}");
    let as_viewer = [("authorization", bearer.as_str()), JSON];
    assert_eq!(server.get("/api/events", &as_viewer[..1]).status, 200);
    let path = format!("/api/keys/{id}");
    for (method, path, body) in
        [("GET", "/api/keys", ""), ("POST", "/api/keys", "{}"), ("PATCH", &*path, "{}")]
    {
        let refused = server.call(method, path, &as_viewer, body.as_bytes());
        assert_eq!((refused.status, refused.problem().as_str()), (403, "token_read_only"));
        assert_eq!(server.call(method, path, &[JSON], body.as_bytes()).status, 401);
    }
    let listed = admin(&server, "GET", "/api/keys", &Value::Null);
    assert!(listed.text.contains(WRITE_KEY), "a write key is public");
    for secret in [viewer.as_str(), ADMIN_TOKEN] {
        assert!(!listed.text.contains(secret), "a secret is not stored");
    }
    assert_eq!(admin(&server, "PATCH", &path, &json!({"disabled": true})).status, 200);
    let refused = server.get("/api/events", &as_viewer[..1]);
    assert_eq!((refused.status, refused.problem().as_str()), (403, "token_disabled"));
    let own = listed.json()["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kind"] == "admin")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let refused = admin(&server, "PATCH", &format!("/api/keys/{own}"), &json!({"disabled": true}));
    assert_eq!((refused.status, refused.problem().as_str()), (409, "key_in_use"));
}

#[test]
fn invalid_rules_are_refused() {
    let (_dir, server) = server();
    for (body, code) in [
        (json!({"kind": "odd", "source": "a"}), "key_invalid"),
        (json!({"kind": "write", "source": ""}), "key_invalid"),
        (json!({"kind": "write", "source": "a", "events_per_s": 0}), "key_invalid"),
        (json!({"kind": "viewer", "source": "a", "events_per_s": 5}), "key_invalid"),
        (json!({"kind": "write", "source": "a", "origins": ["shop.example"]}), "key_invalid"),
        (
            json!({"kind": "write", "source": "a", "origins": ["https://shop.example/page"]}),
            "key_invalid",
        ),
        (json!({"kind": "write", "source": "a", "unknown": 1}), "body_invalid"),
        (json!([]), "body_invalid"),
    ] {
        let reply = admin(&server, "POST", "/api/keys", &body);
        assert_eq!((reply.status, reply.problem().as_str()), (400, code), "{body}");
    }
    let reply = admin(&server, "PATCH", "/api/keys/wk_nobody", &json!({}));
    assert_eq!((reply.status, reply.problem().as_str()), (404, "not_found"));
}

#[test]
fn a_nearly_full_disk_stops_only_intake() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command("serve", dir.path());
    command.args(["--disk-floor-mib", "4294967295"]);
    let server = Server::start(command);
    let begun = now();
    while server.get("/readyz", &[]).status != 503 {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    let refused = server.send(r#"[{"name":"a"}]"#);
    assert_eq!((refused.status, refused.problem().as_str()), (503, "disk_low"));
    assert!((2..=60).contains(&refused.header("retry-after").unwrap().parse::<u32>().unwrap()));
    assert_eq!(server.totals()["received"], 0);
}

#[test]
fn a_request_id_is_in_the_answer_and_in_a_problem() {
    let (_dir, server) = server();
    let path = format!("/v1/events?key={WRITE_KEY}");
    let reply = server.post(&path, &[JSON, ("x-request-id", "page-7.1")], b"[]");
    assert_eq!((reply.status, reply.header("x-request-id")), (200, Some("page-7.1")));
    let reply = server.post(&path, &[JSON, ("x-request-id", "page-7.2")], b"{");
    assert_eq!((reply.status, &reply.json()["request_id"]), (400, &"page-7.2".into()));
    let reply = server.get("/nowhere", &[("x-request-id", "with spaces")]);
    assert_eq!(reply.json()["request_id"], *reply.header("x-request-id").unwrap());
    assert_eq!(reply.header("x-request-id").unwrap().len(), 32);
}

/// The disk is as full as its free space makes it look: the floor is half of that.
#[test]
fn a_source_that_fills_the_disk_stops_itself_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let free_mib = fs4::available_space(dir.path()).unwrap() >> 20;
    let mut command = command("serve", dir.path());
    command.args(["--disk-floor-mib", &(free_mib * 3 / 5).to_string()]);
    let server = Server::start(command);
    let (_, greedy) = create_key(&server, &json!({"kind": "write", "source": "greedy"}));
    let (_, modest) = create_key(&server, &json!({"kind": "write", "source": "modest"}));
    let body = format!(r#"[{{"name":"a","properties":{{"x":"{}"}}}}]"#, "x".repeat(32_000));
    let body = format!("[{}]", vec![&body[1..body.len() - 1]; 30].join(","));
    assert_eq!(send(&server, &modest, None, &body).status, 200);
    let refused = (0..60).map(|_| send(&server, &greedy, None, &body)).find(|it| it.status != 200);
    let refused = refused.expect("a source is refused before it fills the disk");
    assert_eq!((refused.status, refused.problem().as_str()), (503, "source_over_share"));
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("the source greedy has sent more than its share"), "{detail}");
    assert!((2..=60).contains(&refused.header("retry-after").unwrap().parse::<u32>().unwrap()));
    for _ in 0..3 {
        assert_eq!(send(&server, &modest, None, &body).status, 200, "others go on");
    }
    let authorization = format!("Bearer {ADMIN_TOKEN}");
    let queues = server.get("/api/queues", &[("authorization", &authorization)]).json();
    let sources = queues["disk"]["sources"].as_array().unwrap();
    let over: Vec<_> =
        sources.iter().map(|it| (it["source"].as_str().unwrap(), &it["over_share"])).collect();
    assert_eq!(over, [("greedy", &true.into()), ("modest", &false.into())]);
}
