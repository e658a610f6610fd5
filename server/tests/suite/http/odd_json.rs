//! JSON that is valid and that few clients write: cut emoji, NUL, numbers out of range, repeated
//! and empty names.

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Server};

fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    (dir, server)
}

/// A time range around now, as query parameters.
fn around_now() -> String {
    let ms = std::fs::metadata("/proc/self").unwrap().modified().unwrap();
    let ms = ms.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    format!("from={}&to={}", ms - 3_600_000, ms + 3_600_000)
}

/// How many events each value of a property has.
fn counts(server: &Server, path: &str) -> Vec<(Value, u64)> {
    let path: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
    let reply = server.read(&format!("/api/aggregate?by=prop.{path}&{}", around_now()));
    assert_eq!(reply.status, 200, "{reply:?}");
    let json = reply.json();
    let rows = json["rows"].as_array().unwrap();
    rows.iter().map(|row| (row["key"].clone(), row["count"].as_u64().unwrap())).collect()
}

/// The names of the events with a property.
fn names(server: &Server, path: &str, value: &str) -> Vec<String> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let reply = server.read(&format!("/api/events?prop.{}={}", encode(path), encode(value)));
    assert_eq!(reply.status, 200, "{reply:?}");
    let events = reply.json()["events"].as_array().unwrap().clone();
    events.iter().map(|event| event["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_cut_emoji_is_stored_as_the_replacement_character_wherever_it_is() {
    let (_dir, server) = server();
    let event = r#"{"name":"a\ud83d","id":"i\ude00","session":"\ud83d","user":{"id":"u\ud83d","anonymous_id":"\udfff"},
        "context":{"page":"\ud83d","k\ud83d":1},"properties":{"x":"cut \ud83d","k\ud83d":{"\ude00":"\ud83d\ude00 \\ud83d"}},
        "monitor":{"kind":"increment","metric":"m\ud83d","tags":{"t\ud83d":"\ude00"}},"later\ud83d":"\ud83d"}"#;
    for body in [event.to_owned(), format!("[{event}]"), format!(r#"{{"events":[{event}]}}"#)] {
        assert_eq!(server.send(&body).status, 200, "{body}");
    }
    let totals = server.settled();
    assert_eq!((&totals["stored"], &totals["duplicates"]), (&1.into(), &2.into()), "{totals}");
    let list = server.read("/api/events");
    let shown = &list.json()["events"][0];
    assert_eq!((&shown["name"], &shown["session"]), (&json!("a\u{fffd}"), &json!("\u{fffd}")));
    assert_eq!(shown["event_id"], "i\u{fffd}");
    assert_eq!(shown["user"], json!({"id": "u\u{fffd}", "anonymous_id": "\u{fffd}"}));
    assert_eq!(shown["context"], json!({"page": "\u{fffd}", "k\u{fffd}": 1}));
    let inner = json!({"\u{fffd}": "\u{1f600} \\ud83d"});
    assert_eq!(shown["properties"], json!({"x": "cut \u{fffd}", "k\u{fffd}": inner}));
    assert_eq!(shown["monitor"]["tags"], json!({"t\u{fffd}": "\u{fffd}"}));
    assert!(list.text.contains(r#""\ud83d\ude00 \\ud83d""#), "the rest is as sent: {}", list.text);
    assert_eq!(counts(&server, "x"), [("cut \u{fffd}".into(), 1)]);
    assert_eq!(names(&server, "x", "cut \u{fffd}"), ["a\u{fffd}"]);
    assert_eq!(names(&server, "x", r#""cut \ud83d""#), ["a\u{fffd}"], "a value is read alike");
    let by_id = server.read("/api/events/i%EF%BF%BD");
    assert_eq!((by_id.status, &by_id.json()["name"]), (200, &json!("a\u{fffd}")), "{by_id:?}");
    let of_user = server.read("/api/events?user=u%EF%BF%BD").json();
    assert_eq!(of_user["events"].as_array().unwrap().len(), 1);
}

#[test]
fn a_cut_emoji_in_one_trait_changes_nothing_about_the_others() {
    let (_dir, server) = server();
    server.send(
        r#"[{"name":"identify","user":{"id":"u"},"properties":{"bio":"hi \ud83d","plan":"pro","k\ud83d":1,"huge":1e400}},
            {"name":"later","user":{"id":"u"}}]"#,
    );
    server.settled();
    let later = &server.read("/api/events?name=later").json()["events"][0];
    let traits = json!({"bio": "hi \u{fffd}", "plan": "pro", "k\u{fffd}": 1});
    assert_eq!(later["profile"]["traits"], traits);
}

#[test]
fn an_array_is_never_taken_for_the_object_that_a_call_expects() {
    let (_dir, server) = server();
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    for (path, body) in [
        ("/api/query", r#"["SELECT 1"]"#),
        ("/api/keys", r#"["write","web"]"#),
        ("/api/replay", " [0, 5, null, true]"),
        ("/api/deliveries/retry", r#"["sink"]"#),
    ] {
        let reply = server.post(path, &headers, body.as_bytes());
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("invalid type: sequence, expected an object"), "{detail}");
    }
    let with_mark = "\u{feff}{\"sql\":\"SELECT 1\"}";
    assert_eq!(server.post("/api/query", &headers, with_mark.as_bytes()).status, 200);
}

#[test]
fn nul_is_a_character_like_any_other() {
    let (_dir, server) = server();
    server.send(
        r#"[{"name":"a\u0000b","id":"i\u00001","user":{"id":"u\u00001"},"properties":{"x":"p\u0000q","k\u0000l":"v","n":{"a\u0000":1}}},
            {"name":"a","id":"i","user":{"id":"u"},"properties":{"x":"p","k":"w"}},
            {"name":"a\u0000c","user":{"id":"u\u00002"},"properties":{"x":"p\u0000r"}}]"#,
    );
    assert_eq!(server.settled()["stored"], 3);
    let found = |query: &str| {
        let reply = server.read(&format!("/api/events?{query}"));
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["events"].as_array().unwrap().len()
    };
    for query in ["name=a%00b", "name=a", "user=u%001", "user=u", "prop.x=p%00q", "prop.x=p"] {
        assert_eq!(found(query), 1, "{query}");
    }
    assert_eq!(names(&server, "k\0l", "v"), ["a\0b"]);
    assert_eq!(names(&server, "k", "v"), [""; 0]);
    assert_eq!(names(&server, "n.a\0", "1"), ["a\0b"]);
    let text = |text: &str| Value::from(text);
    let want = [(text("p"), 1), (text("p\0q"), 1), (text("p\0r"), 1)];
    assert_eq!(counts(&server, "x"), want, "each text is one key");
    let by_id = server.read("/api/events/i%001");
    assert_eq!((by_id.status, &by_id.json()["name"]), (200, &text("a\0b")), "{by_id:?}");
    let sql = json!({"sql": "SELECT name FROM events ORDER BY name"}).to_string();
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    let table = server.post("/api/query", &headers, sql.as_bytes()).json();
    assert_eq!(table["rows"], json!([["a"], ["a\0b"], ["a\0c"]]));
}

#[test]
fn numbers_out_of_range_and_repeated_and_empty_names_are_stored_as_sent() {
    let (_dir, server) = server();
    let deep = format!("{}1{}", r#"{"d":"#.repeat(60), "}".repeat(60));
    let long = "k".repeat(2_000);
    let properties = format!(
        r#"{{"huge":1e400,"tiny":1e-999,"none":-0,"exp":1E2,"long":123456789012345678901234567890,"":"empty",
            "twice":1,"twice":2,"slash":"a\/b","{long}":true,"deep":{deep}}}"#
    );
    server.send(&format!(r#"[{{"name":"a","properties":{properties}}}]"#));
    assert_eq!(server.settled()["stored"], 1);
    let list = server.read("/api/events").text;
    assert!(list.contains(&properties), "{list}");
    let total = |query: &str| {
        // Few readers of JSON hold 1e400, so its count alone is read.
        let text = server.read(&format!("/api/aggregate?by=name&{query}&{}", around_now())).text;
        text.contains(r#""count":1"#)
    };
    let deepest = ["d"; 60].join(".");
    for (path, value, is_found) in [
        ("slash", "a/b", true),
        ("twice", "2", true),
        ("twice", "1", false),
        ("huge", "1e400", true),
        ("huge", "10e399", true),
        ("huge", "1e401", false),
        ("tiny", "1.0e-999", true),
        ("tiny", "0", false),
        ("none", "0", true),
        ("exp", "100.0", true),
        ("long", "123456789012345678901234567890", true),
        ("long", "123456789012345678901234567891", false),
        (long.as_str(), "true", true),
        (&*format!("deep.{deepest}"), "1", true),
        ("\"\"", "empty", true),
    ] {
        let encode =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let query = format!("prop.{}={}", encode(path), encode(value));
        assert_eq!(total(&query), is_found, "{query}");
    }
    assert_eq!(counts(&server, "exp"), [(100.into(), 1)]);
    let of_long = server.read(&format!("/api/aggregate?by=prop.long&{}", around_now())).text;
    assert!(of_long.contains(r#""key":123456789012345678901234567890,"#), "{of_long}");
}

#[test]
fn values_of_each_type_are_apart_and_equal_numbers_are_one() {
    let (_dir, server) = server();
    server.send(
        r#"[{"name":"a","properties":{"n":25,"t":true,"k.e":1,"q\"":2,"b\\":3,"l":[{"x":7},[8]]}},
            {"name":"b","properties":{"n":25.0,"t":"true"}},
            {"name":"c","properties":{"n":2.5e1,"t":null}},
            {"name":"d","properties":{"n":"25","t":{"b":[1.0],"a":"\u0031"}}},
            {"name":"e","properties":{"n":9007199254740993}},
            {"name":"f","properties":{"n":9007199254740992}}]"#,
    );
    server.settled();
    let mut by_n = counts(&server, "n");
    by_n.sort_by_key(|(key, _)| key.to_string());
    let (large, larger) = (9_007_199_254_740_992_u64, 9_007_199_254_740_993_u64);
    let want = [(json!("25"), 1), (json!(25), 3), (json!(large), 1), (json!(larger), 1)];
    assert_eq!(by_n, want);
    let mut by_t = counts(&server, "t");
    by_t.sort_by_key(|(key, _)| key.to_string());
    let object = json!({"a": "1", "b": [1]});
    let want = [(json!("true"), 1), (Value::Null, 3), (json!(true), 1), (object, 1)];
    assert_eq!(by_t, want);
    for (path, value, want) in [
        ("n", "25", &["c", "b", "a"][..]),
        ("n", "250e-1", &["c", "b", "a"]),
        ("n", "\"25\"", &["d"]),
        ("n", "9007199254740993", &["e"]),
        ("t", "true", &["a"]),
        ("t", "\"true\"", &["b"]),
        ("t", "null", &["f", "e", "c"]),
        ("t", r#"{"a": "1", "b": [1]}"#, &["d"]),
        (r"k\.e", "1", &["a"]),
        ("k.e", "1", &[]),
        ("q\"", "2", &["a"]),
        (r"b\\", "3", &["a"]),
        ("l.0.x", "7", &["a"]),
        ("l.1.0", "8", &["a"]),
        ("l.2", "8", &[]),
    ] {
        assert_eq!(names(&server, path, value), want, "{path} {value}");
    }
    for path in ["", "a..b", "a.", "a\\"] {
        let path: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let reply = server.read(&format!("/api/events?prop.{path}=1"));
        assert_eq!((reply.status, &*reply.problem()), (400, "parameter_invalid"), "{path}");
    }
}
