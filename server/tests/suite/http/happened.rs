//! Lists and counts by when events happened, and days in a time zone.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::harness::Server;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

#[allow(clippy::disallowed_methods, reason = "the server under test has the real clock")]
fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since_1970.as_millis()).unwrap()
}

/// A server with an event that happened this many days ago, for each number.
fn server(days_ago: &[i64]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let event = |days: &i64| {
        format!(r#"{{"name":"d{days}","ts":{},"user":{{"id":"ann"}}}}"#, now_ms() - days * DAY_MS)
    };
    let events: Vec<String> = days_ago.iter().map(event).collect();
    server.send(&format!("[{}]", events.join(",")));
    server.settled();
    (dir, server)
}

fn names(page: &Value) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|event| event["name"].as_str().unwrap()).collect()
}

/// A span of days ago, as query parameters.
fn span(from_days: i64, to_days: i64) -> String {
    let now_ms = now_ms();
    format!("from={}&to={}", now_ms - from_days * DAY_MS, now_ms - to_days * DAY_MS)
}

#[test]
fn events_are_listed_by_when_they_happened() {
    let (_dir, server) = server(&[0, 2, 5, 29]);
    let list = |query: &str| server.read(&format!("/api/events?{query}")).json();
    assert_eq!(names(&list(&span(6, 1))), [""; 0], "all were received now");
    let page = list(&format!("on=time&{}", span(6, 1)));
    assert_eq!(names(&page), ["d5", "d2"]);
    let (from, to) = (&page["received"]["from"], &page["received"]["to"]);
    assert_eq!(to.as_i64().unwrap() - from.as_i64().unwrap(), 35 * DAY_MS + 600_000);
    assert_eq!(names(&list(&format!("on=time&user=ann&limit=1&{}", span(6, 1)))), ["d5"]);
    assert_eq!(names(&list(&format!("on=time&{}", span(40, 6)))), ["d29"]);
    let open = format!("on=time&from={}", now_ms() - 3 * DAY_MS);
    assert_eq!(names(&list(&open)), ["d2", "d0"]);
    assert_eq!(list("on=received")["received"], Value::Null);
}

#[test]
fn events_are_counted_by_the_day_they_happened_in_a_time_zone() {
    let (_dir, server) = server(&[]);
    // In Kiritimati, a day begins at 10:00 UTC of the day before.
    let ago = Timestamp::from_millisecond(now_ms() - 5 * DAY_MS).unwrap();
    let day = ago.to_zoned(TimeZone::UTC).date();
    let next = day.tomorrow().unwrap();
    let event = |time: &str| format!(r#"{{"name":"a","ts":"{day}T{time}Z"}}"#);
    server.send(&format!("[{},{}]", event("09:59:59"), event("10:00:00")));
    server.settled();
    let count = |query: &str| {
        let reply = server.read(&format!("/api/aggregate?on=time&{query}"));
        assert_eq!(reply.status, 200, "{query}: {reply:?}");
        let reply = reply.json();
        assert!(reply["received"]["to"].as_i64() > reply["received"]["from"].as_i64());
        let rows = reply["rows"].as_array().unwrap();
        rows.iter()
            .map(|row| (row["key"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    let kiritimati = "tz=Pacific/Kiritimati";
    let days = format!("from={day}&to={}", next.tomorrow().unwrap());
    assert_eq!(count(&format!("by=day&{days}")), [(day.to_string(), 2)]);
    let want = [(day.to_string(), 1), (next.to_string(), 1)];
    assert_eq!(count(&format!("by=day&{days}&{kiritimati}")), want);
    let one_day = format!("from={day}&to={next}&{kiritimati}");
    assert_eq!(count(&format!("by=name&{one_day}")), [("a".to_owned(), 1)]);
    let want = [(format!("{day}T23:00:00+14:00"), 1)];
    assert_eq!(count(&format!("by=hour&{one_day}")), want);
    let received = server.read(&format!("/api/aggregate?by=day&{days}")).json();
    assert_eq!((&received["rows"], &received["received"]), (&json!([]), &Value::Null));
}

#[test]
fn an_unknown_zone_or_clock_and_a_span_that_is_too_long_are_refused() {
    let (_dir, server) = server(&[]);
    for query in [
        "events?tz=Mars/Olympus",
        "events?on=sent",
        "events?from=2026-02-30",
        "events?on=time&from=yesterday",
        "aggregate?by=day&on=time",
        "aggregate?by=day&on=time&from=2026-01-01&to=2026-03-05",
        "aggregate?by=day&from=2026-01-01&to=2026-04-04",
    ] {
        let reply = server.read(&format!("/api/{query}"));
        assert_eq!((reply.status, reply.problem().as_str()), (400, "parameter_invalid"), "{query}");
    }
    for query in [
        "aggregate?by=day&on=time&from=2026-01-01&to=2026-03-04",
        "aggregate?by=day&from=2026-01-01&to=2026-04-03",
        "events?state=invalid&from=2026-01-01&tz=Europe/Zurich",
    ] {
        assert_eq!(server.read(&format!("/api/{query}")).status, 200, "{query}");
    }
}
