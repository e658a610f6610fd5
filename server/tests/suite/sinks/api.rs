//! Sinks in the API of the real binary: what it shows, and what an admin can do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Reply, SECRET_KEY, Server, command};
use crate::sinks::mixpanel_api::{Fault, MixpanelApi};

/// Runs a server that sends to `api`, on a thread that may block.
async fn with_server(api: &MixpanelApi, drive: impl FnOnce(&Server) + Send + 'static) {
    let dir = tempfile::tempdir().unwrap();
    let table = api.table("parallel = 1").replace("[retry]", "[sinks.mp.retry]");
    let path = dir.path().join("lamplight.toml");
    std::fs::write(&path, format!("[sinks.mp]\n{table}")).unwrap();
    tokio::task::spawn_blocking(move || {
        let mut command = command("serve", &dir.path().join("data"));
        command.arg("--config").arg(&path);
        drive(&Server::start(command));
    })
    .await
    .unwrap();
}

fn post(server: &Server, path: &str, body: &Value) -> Reply {
    let token = format!("Bearer {ADMIN_TOKEN}");
    server.post(path, &[("authorization", &token)], body.to_string().as_bytes())
}

/// Waits until the sink's count `name` is this.
fn until(server: &Server, name: &str, want: u64) -> Value {
    for _ in 0..1_500 {
        let sink = server.totals()["sinks"]["mp"].clone();
        if sink[name] == want {
            return sink;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{name} is not {want}: {}", server.totals());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_sink_gets_nothing_until_it_is_resumed() {
    let api = MixpanelApi::start(|_| Fault::None).await;
    let requests = |api: &MixpanelApi| api.requests();
    with_server(&api, |server| {
        let reply = post(server, "/api/sinks/mp/pause", &json!({}));
        assert_eq!((reply.status, reply.json()), (200, json!({"sink": "mp", "paused": true})));
        server.send(r#"[{"name":"a"},{"name":"b"}]"#);
        server.settled();
        std::thread::sleep(Duration::from_millis(1_300));
        let sink = until(server, "waiting", 2);
        let queue = server.read("/api/queues").json()["sinks"][0].clone();
        assert_eq!((&queue["name"], &queue["state"]), (&"mp".into(), &"paused".into()));
        assert_eq!((&queue["depth"], &queue["failing"]), (&2.into(), &0.into()));
        assert!(queue["oldest_ms"].as_u64().unwrap() >= 1_300, "{queue}");
        assert_eq!((&sink["state"], &sink["kind"]), (&"paused".into(), &"mixpanel".into()));
        assert_eq!(post(server, "/api/sinks/mp/resume", &json!({})).status, 200);
        let sink = until(server, "sent", 2);
        assert_eq!((&sink["state"], &sink["waiting"]), (&"running".into(), &0.into()));
        let queue = server.read("/api/queues").json()["sinks"][0].clone();
        assert_eq!((&queue["depth"], &queue["oldest_ms"]), (&0.into(), &0.into()));
        assert!(queue["events_per_s"].as_f64().unwrap() > 0.0, "{queue}");
        assert_eq!(post(server, "/api/sinks/nobody/pause", &json!({})).problem(), "not_found");
    })
    .await;
    assert_eq!((requests(&api), api.distinct()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_shows_each_attempt_and_a_dead_letter_can_be_retried() {
    let api = MixpanelApi::start(|number| match number {
        0 => Fault::Status(503),
        1 => Fault::Status(400),
        _ => Fault::None,
    })
    .await;
    with_server(&api, |server| {
        server.send(r#"[{"name":"a","id":"mine"}]"#);
        until(server, "dead", 1);
        let event = server.read("/api/events/mine").json();
        let timeline: Vec<Value> = event["timeline"].as_array().unwrap().clone();
        let steps: Vec<&Value> = timeline.iter().filter(|it| it["stage"] == "deliver").collect();
        let states: Vec<&str> = steps.iter().map(|it| it["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["queued", "retry", "dead"]);
        assert_eq!((&steps[1]["attempt"], &steps[1]["sink"]), (&1.into(), &"mp".into()));
        assert!(steps[1]["due"].as_i64() >= steps[0]["at"].as_i64());
        assert_eq!(steps[1]["reason"], "server_failed");
        assert!(steps[1]["detail"].as_str().unwrap().starts_with("HTTP 503"));
        assert_eq!(steps[2]["reason"], "refused");
        assert!(steps[2]["detail"].as_str().unwrap().starts_with("HTTP 400"));
        let ask = |dry_run: bool| json!({"event": "mine", "reason": "refused", "dry_run": dry_run});
        let dry = post(server, "/api/deliveries/retry", &ask(true)).json();
        assert_eq!(dry, json!({"count": 1, "more": false, "dry_run": true}));
        assert_eq!(until(server, "dead", 1)["sent"], 0);
        assert_eq!(post(server, "/api/deliveries/retry", &ask(false)).json()["count"], 1);
        until(server, "sent", 1);
        assert_eq!(post(server, "/api/deliveries/retry", &ask(false)).json()["count"], 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_require_an_admin_token_and_a_valid_request() {
    let api = MixpanelApi::start(|_| Fault::None).await;
    with_server(&api, |server| {
        for path in ["/api/sinks/mp/pause", "/api/sinks/mp/resume", "/api/deliveries/retry"] {
            assert_eq!(server.post(path, &[], b"{}").problem(), "token_missing");
            let wrong = format!("Bearer {SECRET_KEY}");
            let reply = server.post(path, &[("authorization", &wrong)], b"{}");
            assert_eq!((reply.status, reply.problem().as_str()), (403, "token_wrong_kind"));
        }
        for body in [
            json!({}),
            json!({"sink": "mp", "other": 1}),
            json!({"sink": "mp", "from": "yesterday"}),
            json!({"sink": "mp", "over_s": 100_000}),
            json!([1]),
        ] {
            let reply = post(server, "/api/deliveries/retry", &body);
            assert_eq!(
                (reply.status, reply.problem().as_str()),
                (400, "parameter_invalid"),
                "{body}"
            );
        }
        let unknown = post(server, "/api/deliveries/retry", &json!({"event": "nobody"}));
        assert_eq!(unknown.problem(), "not_found");
    })
    .await;
}
