//! A clock that jumped while the server was stopped.

use std::path::Path;
use std::time::Duration;

use lamplight_server::system::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Server, command, now};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn serve(data: &Path) -> Server {
    let mut command = command("serve", data);
    command.args(["--keep-days", "30"]);
    Server::start(command)
}

/// The state of retention once it has looked at the clock.
fn retention(server: &Server) -> Value {
    let begun = now();
    loop {
        let state = server.read("/api/queues").json()["retention"].clone();
        if !state["as_of"].is_null() {
            return state;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{state}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_clock_that_jumped_is_reported_until_an_operator_trusts_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path());
    server.send(r#"[{"name":"a"}]"#);
    server.settled();
    assert_eq!(retention(&server)["state"], "running");
    assert_eq!(server.stop(), Some(0));
    let file = dir.path().join("clock");
    let known: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(known["time_ms"].as_i64().unwrap() > SystemClock.now_ms() - DAY_MS);
    // To the next start, the clock is a year ahead.
    let year_ago = SystemClock.now_ms() - 365 * DAY_MS;
    std::fs::write(&file, json!({ "time_ms": year_ago, "doubt": null }).to_string()).unwrap();

    let server = serve(dir.path());
    let state = retention(&server);
    assert_eq!((&state["state"], &state["as_of"]), (&json!("clock_in_doubt"), &json!(year_ago)));
    assert_eq!(state["clock_ahead_ms"].as_i64().unwrap() / DAY_MS, 365);
    assert_eq!(server.read("/readyz").status, 200, "events are still accepted");
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let trusted = server.post("/api/retention/trust-clock", &[("authorization", &bearer)], b"");
    assert_eq!((trusted.status, &trusted.json()["state"]), (200, &json!("running")));
    let log = server.stop_with_log();
    assert!(log.contains("POST /api/retention/trust-clock"), "{log}");
    assert!(log.contains("\"ahead_days\":365"), "{log}");
    assert_eq!(retention(&serve(dir.path()))["state"], "running", "it is remembered");
}
