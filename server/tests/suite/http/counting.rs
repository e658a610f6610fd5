//! Counts, queues and SQL over HTTP.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Reply, Server, now};

const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

fn counts(server: &Server, query: &str) -> Vec<(Value, u64)> {
    let reply = server.read(&format!("/api/aggregate?{query}"));
    assert_eq!(reply.status, 200, "{reply:?}");
    let json = reply.json();
    assert_eq!((&json["complete"], &json["other"]), (&true.into(), &0.into()));
    let rows = json["rows"].as_array().unwrap();
    rows.iter().map(|row| (row["key"].clone(), row["count"].as_u64().unwrap())).collect()
}

/// A time range around now, as query parameters.
fn around_now() -> String {
    let ms = std::fs::metadata("/proc/self").unwrap().modified().unwrap();
    let ms = ms.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    format!("from={}&to={}", ms - 3_600_000, ms + 3_600_000)
}

#[test]
fn events_are_counted_by_any_key_within_a_time_range() {
    let (_dir, server) = server();
    server.send(
        r#"[{"name":"a","properties":{"plan":"pro","n":1}},{"name":"a","properties":{"plan":"pro","n":{"x":[1]}}},
            {"name":"b","type":"critical","properties":{"plan":"fr\u00e9e"}},{"name":"b","user":{"id":"ann"}}]"#,
    );
    server.settled();
    let range = around_now();
    let by = |by: &str| counts(&server, &format!("by={by}&{range}"));
    assert_eq!(by("name"), [("a".into(), 2), ("b".into(), 2)]);
    assert_eq!(by("type"), [("default".into(), 3), ("critical".into(), 1)]);
    assert_eq!(by("prop.plan"), [("pro".into(), 2), (Value::Null, 1), ("frée".into(), 1)]);
    assert_eq!(by("prop.n.x"), [(Value::Null, 3), (json!([1]), 1)]);
    assert_eq!(by("prop.n&prop.plan=pro")[1].0, json!({"x": [1]}));
    assert_eq!(by("name&user=ann"), [("b".into(), 1)]);
    assert_eq!(by("name&type=critical"), [("b".into(), 1)]);
    for (by_day, letters) in [(by("day"), 10), (by("hour"), 20)] {
        assert_eq!(by_day.iter().map(|(_, count)| count).sum::<u64>(), 4);
        assert_eq!(by_day[0].0.as_str().unwrap().len(), letters);
    }
    assert_eq!(counts(&server, "by=name&from=0&to=1000"), []);
}

#[test]
fn a_count_needs_a_bounded_time_range_and_a_known_key() {
    let (_dir, server) = server();
    for query in [
        "by=name",
        "by=name&from=0",
        "by=name&to=5",
        "by=name&from=0&to=999999999999",
        "by=name&from=5&to=0",
        "from=0&to=5",
        "by=odd&from=0&to=5",
        "by=prop.&from=0&to=5",
    ] {
        let reply = server.read(&format!("/api/aggregate?{query}"));
        assert_eq!((reply.status, reply.problem().as_str()), (400, "parameter_invalid"), "{query}");
    }
}

#[test]
fn refused_arrivals_are_listed_by_state_in_pages() {
    let (_dir, server) = server();
    let good = format!(r#"{{"name":"a","producer":"{P}","seq":1}}"#);
    server.send(&format!(
        r#"[{good},{good},{good},{{"name":"","producer":"{P}","seq":2}},{{"name":""}}]"#
    ));
    server.settled();
    let list = |query: &str| {
        let json = server.read(&format!("/api/events?{query}")).json();
        json["events"].as_array().unwrap().clone()
    };
    assert_eq!(list("state=stored").len(), 1);
    assert_eq!(list("state=duplicate").len(), 2);
    assert_eq!(list("state=invalid").len(), 2);
    assert_eq!(list("state=invalid&source=web").len(), 2);
    assert_eq!(list("state=invalid&source=other").len(), 0);
    assert_eq!(list("state=invalid&to=5").len(), 0);
    let numbered = list(&format!("state=invalid&producer={P}"));
    assert_eq!((numbered.len(), &numbered[0]["reason"]), (1, &"name_missing".into()));
    let first = server.read("/api/events?state=duplicate&limit=1").json();
    let cursor = first["next"].as_str().unwrap();
    let second =
        server.read(&format!("/api/events?state=duplicate&limit=1&cursor={cursor}")).json();
    assert_ne!(first["events"][0]["id"], second["events"][0]["id"]);
    let refused = server.read("/api/events?state=invalid&name=a");
    assert_eq!((refused.status, refused.problem().as_str()), (400, "parameter_unknown"));
}

#[test]
fn queues_show_what_is_waiting_and_the_throughput() {
    let (_dir, server) = server();
    server.send(&format!("[{}]", vec![r#"{"name":"a"}"#; 100].join(",")));
    server.settled();
    // The worker records its throughput just after it settles, so this may take a moment.
    let begun = now();
    let queues = loop {
        let queues = server.read("/api/queues").json();
        if queues["stages"][1]["events_per_s"].as_f64() > Some(0.0) {
            break queues;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "no throughput: {queues}");
        std::thread::sleep(Duration::from_millis(20));
    };
    for (at, name) in ["intake", "process"].into_iter().enumerate() {
        let stage = &queues["stages"][at];
        assert_eq!((&stage["name"], &stage["state"]), (&name.into(), &"up".into()));
        assert_eq!((&stage["depth"], &stage["failing"]), (&0.into(), &0.into()));
        assert!(stage["events_per_s"].as_f64().unwrap() > 0.0, "{stage}");
        assert!(
            stage["batch_ms"]["p95"].as_u64().unwrap()
                >= stage["batch_ms"]["p50"].as_u64().unwrap()
        );
    }
    assert!(queues["disk"]["free_bytes"].as_u64().unwrap() > 0);
}

fn query(server: &Server, sql: &str) -> Reply {
    let authorization = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    server.post("/api/query", &headers, json!({ "sql": sql }).to_string().as_bytes())
}

#[test]
fn a_statement_reads_events_and_other_tables() {
    let (_dir, server) = server();
    assert_eq!(query(&server, "SELECT count(*) FROM events").json()["rows"], json!([[0]]));
    server.send(r#"[{"name":"a","properties":{"n":1.5}},{"name":"b"}]"#);
    server.settled();
    let table = query(
        &server,
        "SELECT name, properties ->> 'n' AS n, length(id) FROM events ORDER BY name",
    )
    .json();
    assert_eq!(table["columns"], json!(["name", "n", "length(id)"]));
    assert_eq!(table["rows"], json!([["a", 1.5, 16], ["b", null, 16]]));
    assert_eq!((&table["truncated"], table["weeks"].as_array().unwrap().len()), (&false.into(), 1));
    assert_eq!(query(&server, "SELECT stored FROM totals").json()["rows"], json!([[2]]));
    let id = query(&server, "SELECT id FROM events LIMIT 1").json()["rows"][0][0]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        server.read(&format!("/api/events/{id}")).status,
        200,
        "the id of a row leads to its event"
    );
    let schema = query(&server, "SELECT name FROM sqlite_schema WHERE type = 'table'").json();
    assert!(schema["rows"].as_array().unwrap().len() > 5);
}

#[test]
fn a_statement_finds_the_events_of_a_producer_without_a_scan() {
    let (_dir, server) = server();
    assert_eq!(query(&server, "SELECT count(*) FROM numbered").json()["rows"], json!([[0]]));
    let producer = "01HF7YAT00ABCDEFGHJKMNPQRS";
    let event = |name: &str, of: &str, seq: u64| {
        format!(r#"{{"name":"{name}","producer":"{of}","seq":{seq}}}"#)
    };
    let (own, other) = (producer.to_owned(), producer.replace("RS", "ZZ"));
    let first = [event("a", &own, 1), event("b", &own, 2), r#"{"name":"c"}"#.into()];
    let second = [event("d", &own, 3), event("e", &other, 1), event("f", &own, 4)];
    for events in [first, second] {
        assert_eq!(server.send(&format!("[{}]", events.join(","))).status, 200);
    }
    server.settled();
    let all = query(&server, "SELECT name, seq, producer FROM numbered ORDER BY name").json();
    let rows = all["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| (row[0].as_str().unwrap(), &row[1])).collect();
    assert_eq!(
        names,
        [("a", &json!(1)), ("b", &json!(2)), ("d", &json!(3)), ("e", &json!(1)), ("f", &json!(4))]
    );
    let bytes = rows[0][2].as_str().unwrap();
    let of_one = format!("SELECT name FROM numbered WHERE producer = x'{bytes}' ORDER BY seq DESC");
    assert_eq!(query(&server, &of_one).json()["rows"], json!([["f"], ["d"], ["b"], ["a"]]));
    let of_one = format!("SELECT name FROM numbered WHERE producer = x'{bytes}' AND seq = 3");
    assert_eq!(query(&server, &of_one).json()["rows"], json!([["d"]]));
    let plan = query(&server, &format!("EXPLAIN QUERY PLAN {of_one}")).json();
    let steps: Vec<String> =
        plan["rows"].as_array().unwrap().iter().map(|row| row[3].to_string()).collect();
    assert!(steps.len() >= 2 && !steps.join(" ").contains("SCAN"), "{steps:?}");
    let same = "SELECT count(*) FROM (SELECT * FROM numbered EXCEPT SELECT * FROM events)";
    assert_eq!(query(&server, same).json()["rows"], json!([[0]]));
}

#[test]
fn a_statement_that_writes_is_refused_and_changes_nothing() {
    let (dir, server) = server();
    server.send(r#"[{"name":"a"}]"#);
    let before = server.settled();
    let outside = dir.path().join("outside.db");
    for sql in [
        "DELETE FROM applied",
        "DELETE FROM week0.events",
        "INSERT INTO totals VALUES (2, 0, 0, 0, 0, 0, 0, 0)",
        "UPDATE producers SET made = 0 RETURNING made",
        "WITH x AS (SELECT 1) INSERT INTO recent SELECT 9, 9, 9",
        "DROP TABLE keys",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "CREATE TEMP TRIGGER x AFTER INSERT ON keys BEGIN SELECT 1; END",
        "ALTER TABLE keys ADD COLUMN x",
        "ATTACH ':memory:' AS x",
        &format!("ATTACH '{}' AS x", outside.display()),
        &format!("VACUUM INTO '{}'", outside.display()),
        "VACUUM",
        "DETACH week0",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA temp_store_directory = '/'",
        "SELECT * FROM pragma_journal_mode",
        "BEGIN IMMEDIATE",
        "SAVEPOINT x",
        "ANALYZE",
        "REINDEX",
        "SELECT load_extension('x')",
        "SELECT hash FROM keys",
        "SELECT k.public_text FROM main.keys AS k",
        "SELECT (SELECT hash FROM keys LIMIT 1) FROM events",
    ] {
        let reply = query(&server, sql);
        let code = reply.problem();
        assert!(
            (reply.status == 403 && code == "sql_not_read_only")
                || (reply.status == 400 && code == "sql_invalid"),
            "{sql}: {reply:?}"
        );
    }
    assert!(!outside.exists());
    assert_eq!(server.settled(), before);
    assert_eq!(server.send(r#"[{"name":"b"}]"#).status, 200, "the databases still work");
    assert_eq!(server.settled()["stored"], 2);
}

#[test]
fn an_invalid_statement_and_two_statements_are_refused() {
    let (_dir, server) = server();
    for sql in ["", "SELEC 1", "SELECT 1; SELECT 2", "SELECT nothing FROM events", "SELECT ?1, x"] {
        let reply = query(&server, sql);
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (400, "sql_invalid"),
            "{sql}: {reply:?}"
        );
    }
    let reply =
        server.post("/api/query", &[("authorization", &format!("Bearer {ADMIN_TOKEN}"))], b"{}");
    assert_eq!((reply.status, reply.problem().as_str()), (400, "body_invalid"));
}

#[test]
fn the_weeks_of_a_statement_are_selected_by_times_in_each_form() {
    let (_dir, server) = server();
    server.send(r#"[{"name":"a"}]"#);
    server.settled();
    let authorization = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let weeks = |body: serde_json::Value| {
        let reply = server.post("/api/query", &headers, body.to_string().as_bytes());
        reply.json()["weeks"].as_array().unwrap().len()
    };
    let sql = "SELECT count(*) FROM events";
    for time in
        [json!("2000-01-01T00:00:00Z"), json!(946_684_800_000_i64), json!(946_684_800_000.0)]
    {
        assert_eq!(weeks(json!({ "sql": sql, "from": time })), 1, "{time}");
        assert_eq!(weeks(json!({ "sql": sql, "to": time })), 0, "{time}");
    }
}

#[test]
fn an_endless_statement_is_stopped_and_a_large_result_is_truncated() {
    let (_dir, server) = server();
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";
    let table = query(&server, &format!("{endless} SELECT x FROM n")).json();
    assert_eq!(
        (table["rows"].as_array().unwrap().len(), &table["truncated"]),
        (10_000, &true.into())
    );
    let wide = query(&server, &format!("{endless} SELECT printf('%100000d', x) FROM n"));
    assert!(wide.text.len() < 10 << 20 && wide.json()["truncated"] == true);
    let huge = query(&server, "SELECT printf('%1000000000d', 1)");
    assert_eq!((huge.status, huge.problem().as_str()), (400, "sql_invalid"));
    let begun = now();
    let slow = query(&server, &format!("{endless} SELECT count(*) FROM n"));
    assert_eq!((slow.status, slow.problem().as_str()), (422, "sql_too_slow"));
    assert!((9..20).contains(&begun.elapsed().as_secs()));
}
