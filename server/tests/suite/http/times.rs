//! Times as clients get them wrong: no request fails, no event moves by decades, and the event says
//! what was doubtful.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::Server;

#[allow(clippy::disallowed_methods, reason = "the server under test has the real clock")]
fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since_1970.as_millis()).unwrap()
}

/// Sends an event with the id `x` and gives it as the API shows it.
fn stored(server: &Server, sent_at: Option<&str>, ts: &str) -> Value {
    let event = format!(r#"{{"id":"x","name":"a","ts":{ts}}}"#);
    let body = match sent_at {
        Some(sent_at) => format!(r#"{{"sent_at":{sent_at},"events":[{event}]}}"#),
        None => format!("[{event}]"),
    };
    let reply = server.send(&body);
    assert_eq!(reply.status, 200, "{body}: {reply:?}");
    assert_eq!(server.settled()["invalid"], 0, "{body}");
    server.read("/api/events/x").json()
}

fn check(sent_at: Option<&str>, ts: &str, age_ms: std::ops::Range<i64>, doubts: &Value) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let event = stored(&server, sent_at, ts);
    let age = event["received"].as_i64().unwrap() - event["time"].as_i64().unwrap();
    assert!(age_ms.contains(&age), "{sent_at:?} {ts}: {age} ms before the receipt");
    assert_eq!(&event["enrichment"]["time"], doubts, "{sent_at:?} {ts}");
}

#[test]
fn a_time_in_another_unit_is_read_in_that_unit() {
    let ago_ms = now_ms() - 100_000;
    for (ts, unit) in [
        (format!("{}", ago_ms / 1_000), "seconds"),
        (format!("{}.5", ago_ms / 1_000), "seconds"),
        (format!("{ago_ms}000"), "microseconds"),
        (format!("{ago_ms}000000"), "nanoseconds"),
    ] {
        check(None, &ts, 90_000..200_000, &json!({ "ts_read_as": unit }));
    }
    let (ts, sent_at) = (ago_ms / 1_000, (ago_ms + 7_000) / 1_000);
    let doubts = json!({ "ts_read_as": "seconds", "sent_at_read_as": "seconds" });
    check(Some(&sent_at.to_string()), &ts.to_string(), 6_000..9_000, &doubts);
}

#[test]
fn an_implausible_sent_at_neither_moves_an_event_nor_refuses_a_batch() {
    let ts = (now_ms() - 100_000).to_string();
    let ignored = json!({ "sent_at": "ignored" });
    for sent_at in ["0", "-1790000000000", "4102444800000", "99999999999999", "1.5"] {
        check(Some(sent_at), &ts, 90_000..200_000, &ignored);
    }
    for sent_at in ["true", "\"soon\"", "{}"] {
        check(Some(sent_at), &ts, 90_000..200_000, &json!({ "sent_at": "unreadable" }));
    }
}

#[test]
fn a_clock_that_is_wrong_by_years_is_corrected() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let event = stored(&server, Some("946684805000"), "\"2000-01-01T00:00:00Z\"");
    let received = event["received"].as_i64().unwrap();
    assert_eq!(event["time"], received - 5_000);
    assert_eq!(event["ts"], 946_684_800_000_i64);
    assert_eq!(event["enrichment"]["time"], json!({ "skew_ms": received - 946_684_805_000 }));
}
